"""What scoring's commands ask the service, over HTTP."""

import os
from typing import Any, Final, NoReturn

import httpx
import typer

URL_VARIABLE: Final = "LEADSTREAM_SCORING_URL"
KEY_VARIABLE: Final = "LEADSTREAM_ADMIN_KEY"
FOUND_WRONG, MISUSED, NOT_THERE = 1, 2, 3
_TIMEOUT_S: Final = 10.0


def call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The service's answer. Ends the command where there is none or it says no."""
    url, key = os.environ.get(URL_VARIABLE), os.environ.get(KEY_VARIABLE)
    if not url or not key:
        _end(NOT_THERE, f"{URL_VARIABLE} and {KEY_VARIABLE} are needed; `make up` writes them to .leadstream/env")
    try:
        with httpx.Client(base_url=url, timeout=_TIMEOUT_S, headers={"Authorization": f"Bearer {key}"}) as client:
            response = client.request(method, path, json=body)
    except httpx.TransportError as error:
        _end(NOT_THERE, f"scoring does not answer ({type(error).__name__}); is it running?")
    try:
        answer: dict[str, Any] = response.json()
    except ValueError:
        _end(NOT_THERE, f"something that is not scoring answers there (status {response.status_code})")
    if response.is_error:
        said = answer.get("detail") or (answer.get("result") or {}).get("detail") or ""
        _end(FOUND_WRONG, f"{answer.get('code') or answer.get('reason') or 'refused'}: {said}")
    return answer


def _end(code: int, why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(code)
