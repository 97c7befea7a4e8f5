"""`leadstream journeys`: how far leads are, what was sent to whom, and what offers brought."""

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from services.scoring.asking import call

journeys = typer.Typer(help="Journeys: what is sent to leads, and what it brought.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


@journeys.command("list", epilog="Example: leadstream journeys list")
def list_journeys(as_json: AsJson = False) -> None:
    """The journeys with their leads, messages by step, and what was bought with their offers."""
    found = call("GET", "/v1/journeys")
    if as_json:
        typer.echo(json.dumps(found))
        return
    for each in found["items"]:
        gone = "" if each["live"] else " (not in the live rules)"
        typer.echo(
            f"{each['journey']}{gone}: {each['entered']} entered, {each['active']} under way, {each['done']} through,"
            f" {each['exited']} left, {each['converted']} of them converted"
        )
        for step in each["messages"]:
            typer.echo(f"  {step['step']:<24} {step['channel']:<10} {_counts(step)}")
        for failed in each["failures"]:
            typer.echo(f"  {failed['step']:<24} {failed['messages']} failed: {failed['reason']}")
        for sum_ in each["revenue"]:
            typer.echo(f"  {sum_['step']:<24} brought {sum_['amount']} {sum_['currency']}")


@journeys.command(epilog="Example: leadstream journeys show 018f…")
def show(lead_id: Annotated[str, typer.Argument(help="The lead's id.")], as_json: AsJson = False) -> None:
    """The journeys of a lead, where it stands, and what was sent to it."""
    found = call("GET", f"/v1/leads/{quote(lead_id, safe='')}/journeys")
    if as_json:
        typer.echo(json.dumps(found))
        return
    for run in found["journeys"]:
        why = f" ({run['reason']})" if run["reason"] else ""
        typer.echo(f"{run['journey']:<24} since {run['entered_at'][:19]}, {run['state']}{why}, at {run['step']}")
    for message in found["messages"]:
        why = f" ({message['reason']})" if message["reason"] else ""
        typer.echo(
            f"  {message['decided_at'][:19]}  {message['step']:<24} {message['channel']:<10} {message['state']}{why}"
        )


def _counts(step: dict[str, Any]) -> str:
    names = ("sent", "failed", "dropped", "redeemed")
    return ", ".join(f"{step[name]} {name}" for name in names if step[name]) or f"{step['decided']} on their way"
