"""`leadstream erase` and `leadstream export`: a person's data through every service."""

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn
from uuid import uuid4

import httpx
import typer

from shared.contracts.topics import SERVICES

WRONG, USAGE, MISSING = 1, 2, 3
_TIMEOUT_S: Final = 30.0
_PATIENCE_S: Final = 60.0
_POLL_S: Final = 0.2
_REASONS: Final = "person_request, consent_withdrawn, source_deleted, retention or unlawful"

LeadId = Annotated[str | None, typer.Option("--lead", help="The lead's id.")]
Email = Annotated[str | None, typer.Option(help="An e-mail address of the person.")]
Phone = Annotated[str | None, typer.Option(help="A phone number of the person.")]
ExternalId = Annotated[str | None, typer.Option(help="A source's own id of the person; --source says whose.")]
Source = Annotated[str | None, typer.Option(help="The source whose id --external-id is.")]
Every = Annotated[bool, typer.Option("--all", help="All leads that have it, where they are several.")]
Reason = Annotated[str, typer.Option(help=f"Why: {_REASONS}.")]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


def erase(
    lead_id: LeadId = None,
    email: Email = None,
    phone: Phone = None,
    external_id: ExternalId = None,
    source: Source = None,
    every: Every = False,
    reason: Reason = "person_request",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. There is no way back.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a person from every service. Counts, money and outcomes stay; nothing brings the person back but they themselves."""
    wanted = _wanted(lead_id, email, phone, external_id, source, every, reason)
    if not yes and not (sys.stdin.isatty() and typer.confirm("Erase this person everywhere? There is no way back")):
        _end(USAGE, "nothing was erased: say --yes")
    with _client() as client:
        done = _obeyed(client, "/v1/people/erase", wanted)
        leads = [lead["lead_id"] for lead in done["result"]["leads"]]
        waiting = _not_yet_erased(client, leads)
    if as_json:
        typer.echo(json.dumps({**done, "waiting_for": waiting}))
    elif not leads:
        typer.echo("nobody is known by that; older records, lists and imports of it stay out from now on")
    else:
        typer.echo(f"erased: {', '.join(leads)}; {done['result']['kept_out']} identifiers stay out")
    if waiting:
        _end(WRONG, f"not yet erased at {', '.join(waiting)}: it happens as soon as they catch up")


def export(
    lead_id: LeadId = None,
    email: Email = None,
    phone: Phone = None,
    external_id: ExternalId = None,
    source: Source = None,
    every: Every = False,
    reason: Reason = "person_request",
    out: Annotated[Path | None, typer.Option(help="A file that is made for its owner alone; else the screen.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hand out all that every service holds of a person, as JSON. Who asked is noted."""
    wanted = _wanted(lead_id, email, phone, external_id, source, every, reason)
    with _client() as client:
        done = _obeyed(client, "/v1/people/export", wanted)
        leads = [lead["lead_id"] for lead in done["result"]["leads"]]
        people = [{name: _held(client, name, lead) for name in SERVICES} for lead in leads]
        waiting = _waiting(client, done)
    person = {"format": "leadstream.person.v1", "leads": people, "waiting": waiting}
    text = json.dumps(person, indent=2, ensure_ascii=False)
    if out is None:
        typer.echo(text)
        return
    try:
        with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text + "\n")
    except OSError as error:
        _end(USAGE, f"{out} cannot be made: {error.strerror}")
    if as_json:
        typer.echo(json.dumps({"leads": leads, "out": str(out)}))
        return
    others = f", and {sum(map(len, waiting.values()))} events that are no lead's" if any(waiting.values()) else ""
    typer.echo(f"{len(leads)} leads{others} to {out}")


def _wanted(
    lead_id: str | None,
    email: str | None,
    phone: str | None,
    external_id: str | None,
    source: str | None,
    every: bool,
    reason: str,
) -> dict[str, Any]:
    named = {"lead_id": lead_id, "email": email, "phone": phone, "external_id": external_id}
    given = {name: value for name, value in named.items() if value is not None}
    if len(given) != 1:
        _end(USAGE, "exactly one of --lead, --email, --phone, --external-id is needed")
    return {**given, **({"source": source} if source else {}), "reason": reason, "all": every}


def _client() -> httpx.Client:
    key = os.environ.get("LEADSTREAM_ADMIN_KEY")
    missing = [name for name in map(_url_variable, SERVICES) if not os.environ.get(name)]
    if missing or not key:
        _end(MISSING, f"{', '.join([*missing, *([] if key else ['LEADSTREAM_ADMIN_KEY'])])} is needed: `make up`")
    return httpx.Client(timeout=_TIMEOUT_S, headers={"Authorization": f"Bearer {key}"})


def _url_variable(service: str) -> str:
    return f"LEADSTREAM_{service.upper()}_URL"


def _obeyed(client: httpx.Client, path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    """The command's outcome, waited for. Ends the command where it is refused."""
    answer = _ask(client, "capture", "POST", path, wanted)
    deadline = time.monotonic() + _PATIENCE_S
    while answer.get("status") == "pending" and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        answer = _ask(client, "capture", "GET", f"/v1/commands/{answer['command_id']}")
    if answer["status"] == "pending":
        _end(WRONG, f"sent, and not yet obeyed; ask later for command {answer['command_id']}")
    if answer["status"] != "done":
        _end(WRONG, f"{answer.get('reason') or answer['status']}: {(answer.get('result') or {}).get('detail', '')}")
    return answer


def _held(client: httpx.Client, service: str, lead_id: str) -> dict[str, Any]:
    return _ask(client, service, "GET", f"/v1/leads/{lead_id}/export")


def _waiting(client: httpx.Client, done: dict[str, Any]) -> dict[str, Any]:
    """What is no lead's: submissions in quarantine, behaviour that waits."""
    if not done["result"].get("waiting"):
        return {"quarantine": [], "behaviour": []}
    return _ask(client, "capture", "GET", f"/v1/people/export/{done['command_id']}")


def _not_yet_erased(client: httpx.Client, leads: list[str]) -> list[str]:
    """The services that have not erased these leads when patience ends."""
    deadline = time.monotonic() + _PATIENCE_S
    waiting = list(SERVICES)
    while True:
        waiting = [name for name in waiting if not all(_held(client, name, lead)["erased"] for lead in leads)]
        if not waiting or time.monotonic() > deadline:
            return waiting
        time.sleep(_POLL_S)


def _ask(
    client: httpx.Client, service: str, method: str, path: str, body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A service's answer, also the refusal of a command. Ends the command where there is none."""
    headers = {"Idempotency-Key": str(uuid4())} if method == "POST" else {}
    try:
        response = client.request(method, os.environ[_url_variable(service)] + path, json=body, headers=headers)
        answer: dict[str, Any] = response.json()
    except httpx.TransportError as error:
        _end(MISSING, f"{service} does not answer ({type(error).__name__}); is it running?")
    except ValueError:
        _end(MISSING, f"something else than {service} answers")
    if response.is_error and "command_id" not in answer:
        named = f" ({', '.join(answer['lead_ids'])})" if answer.get("lead_ids") else ""
        code = MISSING if response.status_code >= 500 else USAGE if response.status_code in (400, 422) else WRONG
        _end(code, f"{answer.get('code', response.status_code)}: {answer.get('detail', '')}{named}")
    return answer


def _end(code: int, why: str) -> NoReturn:
    typer.echo(why, err=True)
    raise typer.Exit(code)
