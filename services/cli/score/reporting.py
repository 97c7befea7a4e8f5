"""`leadstream score report`: what outcomes say of each rule."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table as Grid

from services.cli.previewing import ask_service
from services.cli.rules.asking import MISSING, USAGE, WRONG, ask, client_of, end
from services.cli.rules.kinds import AsJson, load_document, read_file, refuse
from services.cli.score.tables import Fields, Ignore, Outcome, Won, read_examples
from services.scoring.domain.learning.evaluating import nested
from services.scoring.domain.learning.reporting import OutcomeTally
from services.scoring.domain.model import KIND
from services.scoring.domain.scoring import compile_model
from shared.rules import RuleFileError

_PATIENCE_S: Final = 330.0
Rules = Annotated[Path | None, typer.Argument(help="A scoring document. Absent: the live one.")]


def report(
    rules: Rules = None,
    table: Annotated[Path | None, typer.Option(help="A CSV file of leads. Absent: what reporting has stored.")] = None,
    outcome: Outcome = None,
    won: Won = None,
    ignore: Ignore = None,
    field: Fields = None,
    support: Annotated[int, typer.Option(min=1, help="Below so many outcomes nothing is concluded.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Say of each rule how often its leads were won, with the interval, and whether that agrees with its points; and whether
    scores moved. Exit code 1 when something did."""
    text = _document(rules, as_json)
    if table is None:
        with client_of("reporting") as client:
            client.timeout = _PATIENCE_S
            found = ask(client, "POST", "/v1/rules/outcomes", {"document": text, "support": support})
    else:
        found = _of_table(text, rules, table, outcome, won, ignore or [], field or [], support)
    if as_json:
        typer.echo(json.dumps(found))
    else:
        _show(found)
    if found["drift"]["alarms"]:
        raise typer.Exit(WRONG)


def _document(rules: Path | None, as_json: bool) -> str:
    """The document to be looked at, checked. Ends the command where it is none of scoring."""
    if rules is None:
        live = ask_service("scoring", f"/v1/rules/{KIND}/versions/live")
        if live is None:
            end(MISSING, "scoring cannot be asked for its live rules; name a file")
        return str(live["document"])
    text = read_file(rules)
    try:
        kind, _ = load_document(text, str(rules))
    except RuleFileError as error:
        raise refuse(error, as_json) from None
    if kind.KIND != KIND:
        end(USAGE, f"{rules} holds {kind.KIND} rules; outcomes are held against {KIND} rules")
    return text.decode("utf-8-sig")


def _of_table(
    text: str, rules: Path | None, table: Path, outcome: str | None, won: str | None, ignore: list[str],
    fields: list[str], support: int,
) -> dict[str, Any]:  # fmt: skip
    _, loaded = load_document(text.encode(), str(rules or "scoring.yaml"))
    tally = OutcomeTally(compile_model(loaded, version=0))
    examples = read_examples(table, outcome, won, ignore, fields)
    for place, (row, is_won) in enumerate(zip(examples.rows, examples.outcomes, strict=True)):
        tally.add(tally.score(nested(row)), won=is_won, at=place)
    return tally.report(support=support)


def _show(found: Mapping[str, Any]) -> None:
    console = Console()
    console.print(f"{found['outcomes']} outcomes of {found['leads']} leads, {_rate(found)} won, AUC {found['auc']}")
    if not found["enough"]:
        console.print("not enough data")
    for title, name in (("rules", "rule"), ("grades", "grade")):
        grid = Grid(
            name,
            *(["points"] if name == "rule" else []),
            "outcomes",
            "won (95 %)",
            *(["lift"] if name == "rule" else []),
            "says",
        )
        for row in found[title]:
            extra = ([str(row["points"])], [str(row["lift"] or "-")]) if name == "rule" else ([], [])
            grid.add_row(row[name], *extra[0], str(row["support"]), _rate(row), *extra[1], row["says"] or "")
        console.print(grid)
    drift = found["drift"]
    console.print(f"since the older half: {drift['says']}, stability index {drift['stability']}", highlight=False)
    for alarm in drift["alarms"]:
        console.print(f"ALARM {alarm}", highlight=False)


def _rate(row: Mapping[str, Any]) -> str:
    return f"{row['rate']:.0%} ({row['low']:.0%} to {row['high']:.0%})"
