"""What commands on a terminal ask a service, over HTTP. Exit codes: 1 it says no, 3 something is not there."""

import os
from typing import Any, Final, NoReturn

import httpx
import typer

KEY_VARIABLE: Final = "LEADSTREAM_ADMIN_KEY"
_FOUND_WRONG, _NOT_THERE = 1, 3
_TIMEOUT_S: Final = 10.0


def ask_service(service: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The service's answer. Ends the command where there is none or it says no."""
    variable = f"LEADSTREAM_{service.upper()}_URL"
    url, key = os.environ.get(variable), os.environ.get(KEY_VARIABLE)
    if not url or not key:
        _end(_NOT_THERE, f"{variable} and {KEY_VARIABLE} are needed; `make up` writes them to .leadstream/env")
    try:
        with httpx.Client(base_url=url, timeout=_TIMEOUT_S, headers={"Authorization": f"Bearer {key}"}) as client:
            response = client.request(method, path, json=body)
    except httpx.TransportError as error:
        _end(_NOT_THERE, f"{service} does not answer ({type(error).__name__}); is it running?")
    try:
        answer: dict[str, Any] = response.json()
    except ValueError:
        _end(_NOT_THERE, f"something that is not {service} answers there (status {response.status_code})")
    if response.is_error:
        said = answer.get("detail") or (answer.get("result") or {}).get("detail") or ""
        _end(_FOUND_WRONG, f"{answer.get('code') or answer.get('reason') or 'refused'}: {said}")
    return answer


def _end(code: int, why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(code)
