"""`leadstream leads mark | promote` and `leadstream targets`: what no submission tells."""

from typing import Annotated, Any, Final

import typer

from services.capture.commands.client import CaptureClient
from services.capture.commands.ending import MISUSED, end, print_json

targets = typer.Typer(help="Targets: people who were listed and have not responded yet.", no_args_is_help=True)

LeadId = Annotated[str, typer.Argument(help="The lead's id.")]
Reason = Annotated[str, typer.Option(help="Why, for those who read it later.", min=1)]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
_MARKS: Final = ("bounced", "invalid_phone", "opted_out", "reachable")


def mark(
    lead_id: LeadId,
    bounced: Annotated[bool, typer.Option("--bounced", help="Mail to the addresses known now comes back.")] = False,
    invalid_phone: Annotated[bool, typer.Option("--invalid-phone", help="Nobody is at the numbers known now.")] = False,
    opt_out: Annotated[bool, typer.Option("--opt-out", help="They want to hear nothing more.")] = False,
    reachable: Annotated[bool, typer.Option("--reachable", help="Take back what was said before.")] = False,
    channel: Annotated[str | None, typer.Option(help="email or phone; all where none is named.")] = None,
    reason: Reason = "by hand",
    as_json: AsJson = False,
) -> None:
    """Note that somebody cannot be reached, or can again."""
    said = [name for name, given in zip(_MARKS, (bounced, invalid_phone, opt_out, reachable), strict=True) if given]
    if len(said) != 1:
        end(MISUSED, "Exactly one of --bounced, --invalid-phone, --opt-out, --reachable is needed.")
    body = {"mark": said[0], "channel": channel, "reason": reason}
    with CaptureClient(admin=True) as client:
        _show(client.order("POST", f"/v1/leads/{lead_id}/mark", body), as_json)


def promote(lead_id: LeadId, reason: Reason, as_json: AsJson = False) -> None:
    """Make a lead of a target that has responded by a way that no submission tells."""
    with CaptureClient(admin=True) as client:
        _show(client.order("POST", f"/v1/leads/{lead_id}/promote", {"reason": reason}), as_json)


@targets.command("lists", epilog="Example: leadstream targets lists")
def lists(as_json: AsJson = False) -> None:
    """Lists with targets that have not responded, and what becomes of those."""
    with CaptureClient(admin=True) as client:
        found = client.read("/v1/targets/lists")
    if as_json:
        print_json(found)
        return
    for item in found["items"]:
        follows = f"{item['then']} {item['campaign'] or ''}".rstrip()
        typer.echo(
            f"{item['list'] or '(no list)':<30} {item['targets']:>9} targets, {item['ttl_days']} days, then {follows}; "
            f"next at {item['next_at']}"
        )


@targets.command("set", epilog='Example: leadstream targets set --list "CFOs 2026" --ttl-days 90 --then purge')
def set_list(
    ttl_days: Annotated[int, typer.Option(help="How long they may take to respond.", min=0)],
    name: Annotated[
        str, typer.Option("--list", help="The list; all that have no setting of their own if absent.")
    ] = "",
    then: Annotated[str, typer.Option(help="expire, follow_up or purge.")] = "expire",
    campaign: Annotated[str | None, typer.Option(help="The campaign that follows, for follow_up.")] = None,
    as_json: AsJson = False,
) -> None:
    """Set what becomes of targets that do not respond in time; it holds for those that are there too."""
    body = {"list": name, "ttl_days": ttl_days, "then": then, "campaign": campaign}
    with CaptureClient(admin=True) as client:
        _show(client.order("PUT", "/v1/targets/lists", body), as_json)


@targets.command("expire", epilog="Example: leadstream targets expire --dry-run --at 2026-12-31")
def expire(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Needed: targets expire by themselves, in time.")] = False,
    name: Annotated[str | None, typer.Option("--list", help="One list only.")] = None,
    at: Annotated[str | None, typer.Option(help="Another moment than now, such as 2026-12-31.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show which targets have had their time, list by list, and what would become of them. Nothing is changed."""
    if not dry_run:
        end(MISUSED, "Targets expire by themselves; `targets set --ttl-days 0` has them expire at once. See --dry-run.")
    with CaptureClient(admin=True) as client:
        found = client.read("/v1/targets/expiring", {"list": name, "at": at})
    if as_json:
        print_json(found)
        return
    for item in found["items"]:
        follows = f"{item['then']} {item['campaign'] or ''}".rstrip()
        typer.echo(f"{item['list'] or '(no list)':<30} {item['due']:>9} due after {item['ttl_days']} days: {follows}")
    typer.echo(f"{found['due']} targets have had their time; nothing was changed")


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(answer)
    elif answer["status"] == "done":
        typer.echo(", ".join(f"{name} {value}" for name, value in answer["result"].items() if value not in (None, {})))
    else:
        typer.echo(f"sent; ask later for command {answer['command_id']}")
