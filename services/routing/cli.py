"""`leadstream members`: who can own leads; and the verbs of `leadstream leads` by which they are laid aside."""

import json
from enum import StrEnum
from functools import partial
from typing import Annotated, Final

import typer

from shared.runtime.asking import ask_service

members = typer.Typer(help="Members: the people who can own leads.", no_args_is_help=True)

_call: Final = partial(ask_service, "routing")

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


LeadId = Annotated[str, typer.Argument(help="The lead's id.")]
Reason = Annotated[str, typer.Option(help="Why. It stays for ever, with who said it and when.", min=1)]


class Aside(StrEnum):
    """Where a lead goes that is not worked on now."""

    nurturing = "nurturing"
    marketing = "marketing"
    disqualified = "disqualified"


def junk(lead_id: LeadId, reason: Reason, as_json: AsJson = False) -> None:
    """Take a lead out of everybody's work as junk. It is erased in time unless somebody opens it again."""
    _set_status(lead_id, "junk", reason, as_json=as_json)


def disqualify(
    lead_id: LeadId,
    reason: Reason,
    to: Annotated[Aside, typer.Option(help="Who has it from now on.")] = Aside.nurturing,
    as_json: AsJson = False,
) -> None:
    """End the work on a lead for now. It is lost only where that is asked for."""
    _set_status(lead_id, to.value, reason, as_json=as_json)


def reopen(lead_id: LeadId, reason: Reason, as_json: AsJson = False) -> None:
    """Take up a lead again that was laid aside; it is given away anew, every earlier reason stays."""
    _set_status(lead_id, "open", reason, as_json=as_json)


def register_for_leads(leads: typer.Typer) -> None:
    """Add routing's verbs to `leadstream leads`."""
    leads.command(epilog="Example: leadstream leads junk 018f… --reason 'test entry'")(junk)
    leads.command(epilog="Example: leadstream leads disqualify 018f… --reason 'no budget yet'")(disqualify)
    leads.command(epilog="Example: leadstream leads reopen 018f… --reason 'they called back'")(reopen)


def _set_status(lead_id: str, status: str, reason: str, *, as_json: bool) -> None:
    done = _call("POST", f"/v1/leads/{lead_id}/status", {"status": status, "reason": reason})
    if as_json:
        typer.echo(json.dumps(done))
    elif done["status"] == "done":
        held = done["result"]
        typer.echo(f"{held['lead_id']} is {held['status']}, with {held['owner'] or 'queue ' + str(held['queue'])}")
    else:
        typer.echo(f"sent; ask later for command {done['command_id']}")
