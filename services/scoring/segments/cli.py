"""`leadstream segments`: which there are, who is in them, why, and what was said of a lead's interest."""

import json
from enum import StrEnum
from typing import Annotated
from urllib.parse import quote

import typer

from services.scoring.asking import call

segments = typer.Typer(help="Segments: named groups of leads.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
LeadId = Annotated[str, typer.Argument(help="The lead's id.")]


class Interest(StrEnum):
    """The three classes."""

    interested = "interested"
    not_now = "not_now"
    disinterested = "disinterested"


@segments.command("list", epilog="Example: leadstream segments list")
def list_segments(as_json: AsJson = False) -> None:
    """The segments of the live rules, each with how many leads it has, and the newest recounts."""
    found = call("GET", "/v1/segments")
    if as_json:
        typer.echo(json.dumps(found))
        return
    for each in found["items"]:
        typer.echo(f"{each['leads']:>9}  {each['segment']:<30} {each['description'] or ''}".rstrip())
    for run in found["recounts"]:
        state = f"ended {run['ended_at'][:19]}" if run["ended_at"] else "under way"
        typer.echo(f"recount of {run['started_at'][:19]}, {state}: {run['looked']} leads, {run['moved']} moved")


@segments.command("leads", epilog="Example: leadstream segments leads nurture")
def list_leads(
    segment: Annotated[str, typer.Argument(help="The segment's id.")],
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    after: Annotated[str | None, typer.Option(help="The lead behind which the page begins.")] = None,
    as_json: AsJson = False,
) -> None:
    """The leads of a segment, each since when."""
    query = f"?limit={limit}" + (f"&after={quote(after, safe='')}" if after else "")
    found = call("GET", f"/v1/segments/{quote(segment, safe='')}/leads{query}")
    if as_json:
        typer.echo(json.dumps(found))
        return
    for each in found["items"]:
        typer.echo(f"{each['lead_id']}  since {each['since'][:19]}")
    if found["next"]:
        typer.echo(f"more: --after {found['next']}")


@segments.command(epilog="Example: leadstream segments show 018f…")
def show(lead_id: LeadId, as_json: AsJson = False) -> None:
    """The segments of a lead, and what it lacks for the others."""
    found = call("GET", f"/v1/leads/{quote(lead_id, safe='')}/segments")
    if as_json:
        typer.echo(json.dumps(found))
        return
    interest = found["interest"]
    typer.echo(f"interest: {interest['class']} ({interest['reason']})" if interest else "interest: not known")
    for each in found["segments"]:
        if each["member"]:
            typer.echo(f"in   {each['segment']:<24} since {(each['since'] or 'now')[:19]}")
        else:
            typer.echo(f"not  {each['segment']:<24} missing: {'; '.join(each['missing'])}")


@segments.command(epilog="Example: leadstream segments interest 018f… not_now --reason budget --resume-at 2026-09-01")
def interest(
    lead_id: LeadId,
    interest: Annotated[Interest, typer.Argument(help="How interested the lead is.")],
    reason: Annotated[str, typer.Option(help="Why: budget, internal issues, ...")],
    resume_at: Annotated[str | None, typer.Option(help="Of not_now: the date to come back.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say how interested a lead is. What was said last stands; on its date, who put off is interested again."""
    body = {"interest": interest.value, "reason": reason, "resume_at": resume_at}
    done = call("POST", f"/v1/leads/{quote(lead_id, safe='')}/interest", body)
    if as_json:
        typer.echo(json.dumps(done))
    elif done["status"] == "done":
        typer.echo(f"{done['result']['lead_id']} is {done['result']['interest']}")
    else:
        typer.echo(f"sent; ask later for command {done['command_id']}")


@segments.command(epilog="Example: leadstream segments recount --reason 'restored from a backup'")
def recount(
    reason: Annotated[str, typer.Option(help="Why, for those who look back.")], as_json: AsJson = False
) -> None:
    """Look at every lead, whether anything happened to it or not. Where all is well, none moves."""
    done = call("POST", "/v1/segments/recount", {"reason": reason})
    if as_json:
        typer.echo(json.dumps(done))
    else:
        typer.echo("begun; `leadstream segments list` tells how far it is")
