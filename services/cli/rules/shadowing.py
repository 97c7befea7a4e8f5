"""`leadstream rules shadow`: a draft beside the live scoring model, on live traffic, without any effect."""

import json
from collections.abc import Mapping
from typing import Any, Final

import typer
from rich.console import Console
from rich.table import Table

from services.cli.rules.asking import USAGE, WRONG, ask, client_of, completed, end
from services.cli.rules.kinds import AsJson, FileArgument, load_document, read_file, refuse
from services.cli.rules.publishing import Author, Note
from services.scoring.rules_kind import KIND, SERVICE
from shared.rules import RuleFileError

_PATH: Final = f"/v1/rules/{KIND}/shadow"

shadow_app = typer.Typer(
    help="A draft that runs beside the live scoring model; nothing acts on it.", no_args_is_help=True
)


@shadow_app.command("start", epilog="Example: leadstream rules shadow start scoring.yaml --author Ann --note 'a try'")
def start(file: FileArgument, author: Author, reason: Note, as_json: AsJson = False) -> None:
    """Let a draft run on live traffic, in the place of any other; every replica begins within seconds."""
    text = read_file(file)
    try:
        kind, _ = load_document(text, str(file))
    except RuleFileError as error:
        raise refuse(error, as_json) from None
    if kind.KIND != KIND:
        end(USAGE, f"{file} holds {kind.KIND} rules; only {KIND} rules run in the shadow")
    _obeyed({"document": text.decode("utf-8-sig"), "author": author, "reason": reason}, as_json)
    if not as_json:
        typer.echo("the draft runs beside the live model; `leadstream rules shadow show` tells what it makes of leads")


@shadow_app.command("stop", epilog="Example: leadstream rules shadow stop --author Ann --note 'seen enough'")
def stop(author: Author, reason: Note, as_json: AsJson = False) -> None:
    """Let no draft run."""
    _obeyed({"author": author, "reason": reason}, as_json)
    if not as_json:
        typer.echo("no draft runs")


@shadow_app.command("show", epilog="Example: leadstream rules shadow show --json")
def show(as_json: AsJson = False) -> None:
    """Tell what the draft that runs makes of leads: its grades beside the live ones."""
    with client_of(SERVICE) as client:
        found = ask(client, "GET", _PATH)
    if as_json:
        typer.echo(json.dumps(found))
        return
    _print(found, Console())


def _print(found: Mapping[str, Any], console: Console) -> None:
    console.print(
        f"{found['name']} since {found['started_at'][:19]}, {found['author']}: {found['reason']}", highlight=False
    )
    if not found["scores"]:
        console.print("no lead was scored since")
        return
    share = found["regraded"] / found["scores"]
    console.print(
        f"{found['scores']} scores, {found['regraded']} with another grade ({share:.1%}), mean difference"
        f" {found['mean_difference']:+} points"
    )
    table = Table("live grade", "draft's", "scores")
    for pair in found["pairs"]:
        table.add_row(pair["live"], pair["shadow"], str(pair["scores"]))
    console.print(table)


def _obeyed(body: Mapping[str, Any], as_json: bool) -> None:
    with client_of(SERVICE) as client:
        done = completed(client, ask(client, "POST", _PATH, dict(body)))
    if as_json:
        typer.echo(json.dumps(done))
    if done["status"] == "pending":
        end(WRONG, f"sent, and not yet obeyed; ask later for command {done['command_id']}")
    if done["status"] != "done":
        end(WRONG, f"{done.get('reason') or done['status']}: {(done.get('result') or {}).get('detail', '')}")
