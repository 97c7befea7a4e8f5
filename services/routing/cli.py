"""`leadstream members`: who can own leads."""

import json
import os
from typing import Annotated, Any, Final, NoReturn

import httpx
import typer

members = typer.Typer(help="Members: the people who can own leads.", no_args_is_help=True)

URL_VARIABLE: Final = "LEADSTREAM_ROUTING_URL"
KEY_VARIABLE: Final = "LEADSTREAM_ADMIN_KEY"
FOUND_WRONG, MISUSED, NOT_THERE = 1, 2, 3
_TIMEOUT_S: Final = 10.0

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


@members.command("list", epilog="Example: leadstream members list")
def list_members(as_json: AsJson = False) -> None:
    """List every member in the order in which turns are given."""
    items = _call("GET", "/v1/members")["items"]
    if as_json:
        typer.echo(json.dumps(items))
        return
    for member in items:
        queues = ", ".join(member["queues"]) or "no queue"
        state = "active" if member["active"] else "inactive"
        typer.echo(f"{member['member_id']:<20} {state:<9} {queues:<30} {member['name']}")


@members.command("set", epilog="Example: leadstream members set dora --name Dora --queue sales")
def set_member(
    member_id: Annotated[str, typer.Argument(help="The member's id: letters, digits, dots, dashes, underscores.")],
    name: Annotated[str, typer.Option(help="The name that people read.")],
    queue: Annotated[list[str] | None, typer.Option(help="A queue that the member works on; may be repeated.")] = None,
    active: Annotated[bool, typer.Option("--active/--inactive", help="Whether new leads may be given.")] = True,
    as_json: AsJson = False,
) -> None:
    """Create or replace a member."""
    body = {"name": name, "queues": queue or [], "active": active}
    done = _call("PUT", f"/v1/members/{member_id}", body)
    if as_json:
        typer.echo(json.dumps(done))
    elif done["status"] == "done":
        typer.echo(f"{member_id} is {'active' if active else 'inactive'} in {', '.join(queue or []) or 'no queue'}")
    else:
        typer.echo(f"sent; ask later for command {done['command_id']}")


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """The service's answer. Ends the command where there is none or it says no."""
    url, key = os.environ.get(URL_VARIABLE), os.environ.get(KEY_VARIABLE)
    if not url or not key:
        _end(NOT_THERE, f"{URL_VARIABLE} and {KEY_VARIABLE} are needed; `make up` writes them to .leadstream/env")
    try:
        with httpx.Client(base_url=url, timeout=_TIMEOUT_S, headers={"Authorization": f"Bearer {key}"}) as client:
            response = client.request(method, path, json=body)
    except httpx.TransportError as error:
        _end(NOT_THERE, f"routing does not answer ({type(error).__name__}); is it running?")
    try:
        answer: dict[str, Any] = response.json()
    except ValueError:
        _end(NOT_THERE, f"something that is not routing answers there (status {response.status_code})")
    if response.is_error:
        _end(FOUND_WRONG, _refusal(answer))
    return answer


def _refusal(answer: dict[str, Any]) -> str:
    result = answer.get("result") or {}
    said = answer.get("detail") or result.get("detail") or ""
    return f"{answer.get('code') or answer.get('reason') or 'refused'}: {said}"


def _end(code: int, why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(code)
