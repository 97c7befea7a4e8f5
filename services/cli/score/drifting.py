"""`leadstream score drift`: whether live scores have moved away from those that the live model was learned from."""

import json
from typing import Final

import typer
from rich.console import Console
from rich.table import Table

from services.cli.rules.asking import WRONG, ask, client_of
from services.cli.rules.kinds import AsJson
from services.scoring.rules_kind import KIND, SERVICE

_PATH: Final = f"/v1/rules/{KIND}/drift"
_WIDTH: Final = 10


def drift(as_json: AsJson = False) -> None:
    """Hold the scores of the last days against those that the live model was learned from. Exit code 1 when they moved."""
    with client_of(SERVICE) as client:
        found = ask(client, "GET", _PATH)
    if as_json:
        typer.echo(json.dumps(found))
    else:
        console = Console()
        console.print(
            f"version {found['version']}, {found['leads']} leads of {found['window_days']} days: {found['says']},"
            f" stability index {found['stability']} (moved above {found['threshold']})",
            highlight=False,
        )
        table = Table("score from", "learned from", "live")
        for band, counts in enumerate(zip(found["trained"], found["live"], strict=True)):
            table.add_row(str(band * _WIDTH), *map(str, counts))
        console.print(table)
    if found["says"] == "moved":
        raise typer.Exit(WRONG)
