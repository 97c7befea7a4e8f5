"""What `leadstream rules` asks the services, over HTTP."""

import os
import time
from typing import Any, Final, NoReturn
from uuid import uuid4

import httpx
import typer

WRONG, USAGE, MISSING = 1, 2, 3
KEY_VARIABLE: Final = "LEADSTREAM_ADMIN_KEY"
_TIMEOUT_S: Final = 10.0
_PATIENCE_S: Final = 30.0
_POLL_S: Final = 0.2


def client_of(service: str) -> httpx.Client:
    """Ends the command where the service's address or the key is not known."""
    url_variable = f"LEADSTREAM_{service.upper()}_URL"
    url, key = os.environ.get(url_variable), os.environ.get(KEY_VARIABLE)
    if not url or not key:
        end(MISSING, f"{url_variable} and {KEY_VARIABLE} are needed; `make up` writes them to .leadstream/env")
    return httpx.Client(base_url=url, timeout=_TIMEOUT_S, headers={"Authorization": f"Bearer {key}"})


def ask(client: httpx.Client, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The service's answer, also a refusal of a command (409). Ends the command where there is none."""
    try:
        # The key makes it one command, were the request sent twice on its way.
        headers = {"Idempotency-Key": str(uuid4())} if method == "POST" else {}
        response = client.request(method, path, json=body, headers=headers)
        answer: dict[str, Any] = response.json()
    except httpx.TransportError as error:
        end(MISSING, f"the service does not answer at {client.base_url} ({type(error).__name__}); is it running?")
    except ValueError:
        end(MISSING, f"something else answers at {client.base_url}")
    if response.status_code >= 500:
        end(MISSING, f"{answer.get('code', response.status_code)}: {answer.get('detail', '')}")
    if response.is_error and "command_id" not in answer:
        end(WRONG, f"{answer.get('code', response.status_code)}: {answer.get('detail', '')}")
    return answer


def completed(client: httpx.Client, answer: dict[str, Any]) -> dict[str, Any]:
    """The command's outcome, asked for until it is there, or as it stands when patience ends."""
    deadline = time.monotonic() + _PATIENCE_S
    while answer.get("status") == "pending" and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        answer = ask(client, "GET", f"/v1/commands/{answer['command_id']}")
    return answer


def end(code: int, why: str) -> NoReturn:
    """Says why, and ends the command."""
    typer.echo(why, err=True)
    raise typer.Exit(code)
