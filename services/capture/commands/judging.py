"""`leadstream behaviour reclassify | unlink`: what people did, seen otherwise."""

from typing import Annotated, Any

import typer

from services.capture.commands.client import CaptureClient
from services.capture.commands.ending import FOUND_WRONG, NOT_THERE, end, print_json

behaviour_app = typer.Typer(help="What people did: judge it again, take it back.", no_args_is_help=True)

Reason = Annotated[str, typer.Option(help="Why; it stands in every correction.", min=1)]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


@behaviour_app.command(
    epilog="Example: leadstream behaviour reclassify --since 2026-01-01T00:00:00Z --until 2026-02-01T00:00:00Z "
    "--network 192.0.2.0/24 --reason 'a scanner'"
)
def reclassify(
    since: Annotated[str, typer.Option(help="Events received from then on, RFC 3339.")],
    until: Annotated[str, typer.Option(help="And before then.")],
    reason: Reason,
    user_agent: Annotated[list[str] | None, typer.Option(help="A further part of machines' user agents.")] = None,
    network: Annotated[list[str] | None, typer.Option(help="A further network of machines.")] = None,
    as_json: AsJson = False,
) -> None:
    """Judge stored events again by today's lists; each that is seen otherwise now is corrected by an event."""
    body: dict[str, Any] = {
        "since": since, "until": until, "reason": reason, "user_agents": user_agent or [], "networks": network or [],
    }  # fmt: skip
    corrected, following = 0, None
    with CaptureClient(admin=True) as client:
        while True:
            result = _done(client.command("/v1/events/reclassify", {**body, "after": following}))
            corrected += result["corrected"]
            following = result["next"]
            if following is None:
                break
    print_json({"corrected": corrected}) if as_json else typer.echo(f"{corrected:,} events are seen otherwise now")


@behaviour_app.command(epilog="Example: leadstream behaviour unlink 0123…ef --lead 018f… --reason 'a borrowed laptop'")
def unlink(
    visitor: Annotated[str, typer.Argument(help="The visitor, as the timeline of the lead names it.")],
    lead: Annotated[str, typer.Option(help="The lead that the visitor was not.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Take back what came to a lead by a browser alone: it waits again."""
    taken_back = 0
    with CaptureClient(admin=True) as client:
        while True:
            result = _done(client.command(f"/v1/visitors/{visitor}/unlink", {"lead_id": lead, "reason": reason}))
            taken_back += result["taken_back"]
            if not result["more"]:
                break
    print_json({"taken_back": taken_back}) if as_json else typer.echo(f"{taken_back:,} events were taken back")


def _done(completed: dict[str, Any]) -> dict[str, Any]:
    if completed["status"] == "pending":
        end(NOT_THERE, f"not done yet; give it again later (command {completed['command_id']})")
    if completed["status"] != "done":
        end(FOUND_WRONG, f"{completed['reason']}: {completed['result'].get('detail', '')}")
    result: dict[str, Any] = completed["result"]
    return result
