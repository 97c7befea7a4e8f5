"""`leadstream rules preview`: what drafts would change, shown on the stored past before anything is published."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from services.cli.previewing import ask_service
from services.cli.rules.asking import ask, client_of
from services.cli.rules.kinds import KINDS, AsJson, load_document, read_file, refuse
from services.preview.books import KINDS as PREVIEWED
from shared.rules import RuleFileError

_PATIENCE_S: Final = 330.0
_SHOWN_MOVES: Final = 10
_GRADE_COLUMNS: Final = ("recorded", "live", "draft", "live_per_day", "draft_per_day")
_OUTCOME_COLUMNS: Final = ("won_live", "won_draft", "lost_live", "lost_draft", "open_live", "open_draft")

Files = Annotated[list[Path], typer.Argument(help="Drafts, one of each kind at most.")]
Limit = Annotated[int, typer.Option(min=1, max=500_000, help="How many leads, the newest first.")]
Examples = Annotated[int, typer.Option(min=0, max=100, help="How many leads to name for each kind of change.")]
From = Annotated[datetime | None, typer.Option("--from", help="Leads first captured since then, UTC.")]
To = Annotated[datetime | None, typer.Option("--to", help="Leads first captured before then, UTC.")]


def preview(
    files: Files,
    limit: Limit = 100_000,
    first: From = None,
    end: To = None,
    examples: Examples = 5,
    as_json: AsJson = False,
) -> None:
    """Run drafts over the stored past, beside the live rules: who would change grade, owner, queue, and what it does to
    loads, volumes, wins and losses. Nothing is changed by it."""
    body = {
        "drafts": [_draft(file, as_json) for file in files],
        "live": _live(),
        "members": _members(),
        "limit": limit,
        "from": None if first is None else f"{first.isoformat()}Z",
        "to": None if end is None else f"{end.isoformat()}Z",
        "examples": examples,
    }
    with client_of("reporting") as client:
        client.timeout = _PATIENCE_S
        found = ask(client, "POST", "/v1/rules/preview", body)
    if as_json:
        typer.echo(json.dumps(found))
        return
    show(found, Console())


def _draft(file: Path, as_json: bool) -> dict[str, str]:
    text = read_file(file)
    try:
        load_document(text, str(file))
    except RuleFileError as error:
        raise refuse(error, as_json) from None
    return {"name": str(file), "text": text.decode("utf-8-sig")}


def _live() -> dict[str, Any]:
    """The documents that the services apply now, of those that answer."""
    found = {kind: ask_service(KINDS[kind].SERVICE, f"/v1/rules/{kind}/versions/live") for kind in PREVIEWED}
    return {
        kind: {"text": said["document"], "version": said["version"]} for kind, said in found.items() if said is not None
    }


def _members() -> list[dict[str, Any]] | None:
    answer = ask_service("routing", "/v1/members")
    if answer is None:
        return None
    return [{name: row[name] for name in ("member_id", "active", "queues")} for row in answer["items"]]


def show(found: Mapping[str, Any], console: Console) -> None:
    """A report for people."""
    changed = found["changed"]
    console.print(f"{found['leads']} leads of {found['days']} days, given away in event time by both")
    console.print(_changed_line(changed, found["leads"]))
    console.print(_table("Volume by grade", "grade", found["grades"], _GRADE_COLUMNS))
    if any(row[name] for row in found["grades"] for name in _OUTCOME_COLUMNS):
        console.print(_table("What became of them, by grade", "grade", found["grades"], _OUTCOME_COLUMNS))
    for title, name, rows in (("Load", "member", found["members"]), ("Queues", "queue", found["queues"])):
        if rows:
            console.print(_table(title, name, rows, ("recorded", "live", "draft")))
    opened = found["converted"]
    console.print(f"handed off: recorded {opened['recorded']}, live {opened['live']}, draft {opened['draft']}")
    for line in _moves(found):
        console.print(line, highlight=False)
    for note in found["notes"]:
        console.print(f"note: {note}", highlight=False)


def _changed_line(changed: Mapping[str, int], leads: int) -> str:
    share = {what: f"{count} ({count / leads:.1%})" if leads else "0" for what, count in changed.items()}
    return "changes: " + ", ".join(f"{what} {said}" for what, said in share.items())


def _table(title: str, name: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    table = Table(name, title=title, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(row[name], *(str(row[column]) for column in columns))
    return table


def _moves(found: Mapping[str, Any]) -> Iterator[str]:
    for what, moves in found["moves"].items():
        for move in moves[:_SHOWN_MOVES]:
            yield f"{what} {move['from']} → {move['to']}: {move['count']}"
        for example in found["examples"][what]:
            yield f"    {example['lead_id']}  {what} {example['from']} → {example['to']}"
