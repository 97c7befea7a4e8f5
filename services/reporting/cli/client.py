"""Reporting over HTTP for the command line. Exit codes: 1 something is wrong, 2 wrong use, 3 something is not there."""

import json
import os
from typing import Annotated, Any, Final, NoReturn

import httpx
import typer

WRONG: Final = 1
USAGE: Final = 2
MISSING: Final = 3
_TIMEOUT_S: Final = 30.0

JsonOption = Annotated[bool, typer.Option("--json", help="For scripts.")]


def send(
    method: str, path: str, *, body: dict[str, Any] | None = None, params: dict[str, Any] | None = None
) -> httpx.Response:
    """The answer, whatever it says. Ends the command with a message and an exit code when nobody answers."""
    url = os.environ.get("LEADSTREAM_REPORTING_URL")
    key = os.environ.get("LEADSTREAM_ADMIN_KEY")
    if not url or not key:
        fail(MISSING, "LEADSTREAM_REPORTING_URL and LEADSTREAM_ADMIN_KEY are needed; `make up` writes both.")
    wanted = {name: value for name, value in (params or {}).items() if value is not None}
    try:
        return httpx.request(
            method,
            f"{url.rstrip('/')}{path}",
            json=body,
            params=wanted,
            headers={"Authorization": f"Bearer {key}"},
            timeout=_TIMEOUT_S,
        )
    except (httpx.TransportError, httpx.InvalidURL) as error:
        fail(
            MISSING, f"Reporting does not answer ({type(error).__name__}). Is it running? `leadstream services status`"
        )


def call(method: str, path: str, *, body: dict[str, Any] | None = None, params: dict[str, Any] | None = None) -> Any:
    """The answer's JSON. Ends the command with a message and an exit code when there is none."""
    answer = send(method, path, body=body, params=params)
    if answer.is_success:
        return answer.json()
    fail_with(answer)


def fail_with(answer: httpx.Response) -> NoReturn:
    """End the command with what an answer says is wrong."""
    fail(_exit_code(answer.status_code), _explain(answer))


def get(path: str, **params: Any) -> Any:
    """The JSON of a GET."""
    return call("GET", path, params=params)


def fail(code: int, message: str) -> NoReturn:
    """Say on stderr what is wrong, and end."""
    typer.secho(message, err=True, fg=typer.colors.RED)
    raise typer.Exit(code)


def show_json(value: Any) -> None:
    """A value for scripts."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _exit_code(status: int) -> int:
    if status in (400, 422):
        return USAGE
    return MISSING if status == 404 or status >= 500 else WRONG


def _explain(answer: httpx.Response) -> str:
    try:
        said = answer.json()
    except ValueError:
        return f"Reporting answered {answer.status_code}."
    result = said.get("result")
    detail = said.get("detail") or (result.get("detail") if isinstance(result, dict) else None) or said.get("reason")
    return f"{said.get('code') or said.get('reason') or answer.status_code}: {detail}"
