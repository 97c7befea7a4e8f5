"""`leadstream duplicates` and `leadstream leads unmerge`."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer

from services.capture.commands.client import CaptureClient
from services.capture.commands.ending import print_json

AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
PairId = Annotated[str, typer.Argument(help="The pair's id, as listed.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the decision.")]

duplicates = typer.Typer(help="Leads that may be one person: look, merge, keep apart.", no_args_is_help=True)

_COMPARED: Final = ("name", "email", "phone", "title", "company", "address", "source", "touch_count", "lead_version")


@duplicates.command("list", epilog="Example: leadstream duplicates list --limit 20")
def list_pairs(
    limit: Annotated[int, typer.Option(min=1, max=200, help="Pairs at most.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    as_json: AsJson = False,
) -> None:
    """The open pairs, the oldest question first."""
    with CaptureClient(admin=True) as client:
        page = client.get("/v1/duplicates", limit=limit, cursor=cursor)
    if as_json:
        return print_json(page)
    if not page["duplicates"]:
        typer.echo("nothing to decide")
    for pair in page["duplicates"]:
        said = ", ".join(f"{field} {level}" for field, level in pair["evidence"].items())
        typer.echo(f"{pair['pair_id']}  {pair['points']:>3}  {pair['lead_id']}  {pair['other_id']}  {said}")
    if page["next_cursor"]:
        typer.echo(f"more: --cursor {page['next_cursor']}")


@duplicates.command("show", epilog="Example: leadstream duplicates show 0197…")
def show_pair(pair_id: PairId, as_json: AsJson = False) -> None:
    """Both leads of a pair side by side, and what speaks for one person."""
    with CaptureClient(admin=True) as client:
        pair = client.get(f"/v1/duplicates/{pair_id}")
    if as_json:
        return print_json(pair)
    typer.echo(f"{pair['status']}, {pair['points']} points, raised {pair['raised_at']}")
    for line in _side_by_side(pair):
        typer.echo(line)


@duplicates.command("merge", epilog="Example: leadstream duplicates merge 0197… --reason 'called her'")
def merge_pair(
    pair_id: PairId,
    reason: Reason,
    winner: Annotated[str | None, typer.Option(help="The lead that keeps its id; else the older one.")] = None,
    as_json: AsJson = False,
) -> None:
    """One person: join the two. The answer has the id that undoes it."""
    with CaptureClient(admin=True) as client:
        found = client.change(f"/v1/duplicates/{pair_id}/merge", {"winner_id": winner, "reason": reason})
    _say(found, as_json)


@duplicates.command("keep", epilog="Example: leadstream duplicates keep 0197… --reason 'father and son'")
def keep_pair(pair_id: PairId, reason: Reason, as_json: AsJson = False) -> None:
    """Two people: they are not asked about again."""
    with CaptureClient(admin=True) as client:
        found = client.change(f"/v1/duplicates/{pair_id}/keep", {"reason": reason})
    _say(found, as_json)


def unmerge(
    merge_id: Annotated[str, typer.Argument(help="The merge, as `leads timeline` and `duplicates merge` name it.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Take a merge back: both leads are as if it had not happened, with what came to each of them since."""
    with CaptureClient(admin=True) as client:
        merge = client.get(f"/v1/merges/{merge_id}")
        wanted = {"merge_id": merge_id, "reason": reason}
        found = client.change(f"/v1/leads/{merge['loser_id']}/unmerge", wanted)
    _say(found, as_json)


def _say(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return print_json(found)
    typer.echo(f"{found['status']} ({found['command_id']})")
    for name, value in found.get("result", {}).items():
        typer.echo(f"{name:<14}{value}")


def _side_by_side(pair: Mapping[str, Any]) -> Iterator[str]:
    one, other = ({} if lead is None else lead for lead in pair["leads"])
    merged = bool(one) and one["lead_id"] == other.get("lead_id")
    if merged:
        yield f"both are the lead {one['lead_id']} now; `leads timeline` names the merge"
        other = {}
    yield f"{'lead_id':<14}{one.get('lead_id', 'gone'):<40}{other.get('lead_id', '' if merged else 'gone')}"
    for field in _COMPARED:
        yield f"{field:<14}{_text(one.get(field)):<40}{_text(other.get(field))}"
    for field, level in pair["evidence"].items():
        yield f"{field:<14}{level}"


def _text(value: Any) -> str:
    parts = {key: part for key, part in value.items() if key != "name_key"} if isinstance(value, dict) else {"": value}
    shown = ", ".join(str(part) for part in parts.values() if part)
    return "".join(char if char.isprintable() else " " for char in shown)
