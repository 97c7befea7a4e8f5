"""`leadstream ledger check | show`."""

import time
from typing import Annotated, Any, Final

import typer

from services.reporting.cli.client import WRONG, JsonOption, get, show_json
from services.reporting.cli.tables import print_table

ledger_app = typer.Typer(help="Where every received record is.", no_args_is_help=True)

_COLUMNS: Final = (
    "source", "received", "new", "merged", "rejected", "dead_lettered", "quarantined", "test", "in_flight",
    "replayed",
)  # fmt: skip
_BEHAVIOUR_COLUMNS: Final = (
    "source", "received", "stitched", "anonymous", "rejected", "repeated", "test", "dead_lettered", "in_flight",
)  # fmt: skip
_STAGE_COLUMNS: Final = ("stage", "entered", "done", "dead_lettered", "waiting")
_LETTER_COLUMNS: Final = ("service", "reason", "state", "count")
_POLL_S: Final = 0.5


@ledger_app.command(epilog="Example: leadstream ledger show")
def show(as_json: JsonOption = False) -> None:
    """The ledger as it stands: every source's records by outcome."""
    ledger = get("/v1/ledger")
    if as_json:
        return show_json(ledger)
    print_ledger(ledger)


@ledger_app.command(epilog="Example: leadstream ledger check --wait 30")
def check(
    wait: Annotated[float, typer.Option(help="Seconds to wait until everything is caught up.", min=0)] = 0,
    recount: Annotated[bool, typer.Option("--recount", help="Recount the funnel from the stored events too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Exit 0 when nothing is missing and nothing is counted twice; else 1, with what is wrong and where."""
    deadline = time.monotonic() + wait
    ledger = get("/v1/ledger", recount=recount)
    while not ledger["balanced"] and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        ledger = get("/v1/ledger", recount=recount)
    if as_json:
        show_json(ledger)
    else:
        print_ledger(ledger)
        _print_problems(ledger)
    if not ledger["balanced"]:
        raise typer.Exit(WRONG)


def print_ledger(ledger: dict[str, Any]) -> None:
    """Sources, what people did, stages, dead letters, purged leads. `replayed` are submissions whose outcome came by a replay.
    A reporting of an earlier release tells less: what it does not tell is left out."""
    print_table(_COLUMNS, ledger["sources"])
    typer.echo()
    if ledger.get("behaviour"):
        print_table(_BEHAVIOUR_COLUMNS, ledger["behaviour"])
        typer.echo()
    print_table(_STAGE_COLUMNS, ledger["stages"])
    if ledger.get("dead_letters"):
        typer.echo()
        print_table(_LETTER_COLUMNS, ledger["dead_letters"])
    if purged := ledger.get("purged"):
        typer.echo()
        print_table(("purged", "leads"), [{"purged": row["what"], "leads": row["leads"]} for row in purged])


def _print_problems(ledger: dict[str, Any]) -> None:
    typer.echo()
    if ledger["balanced"]:
        typer.secho("The ledger is balanced: nothing is missing, nothing is counted twice.", fg=typer.colors.GREEN)
    waiting = sum(row["count"] for row in ledger.get("dead_letters", ()) if row["state"] == "waiting")
    if waiting:
        typer.echo(f"{waiting:,} dead letters wait: `leadstream dead-letters list --state waiting`")
    for problem in ledger["problems"]:
        typer.secho(problem, fg=typer.colors.RED)
    for kind, offenders in ledger["offenders"].items():
        for offender in offenders:
            typer.echo(f"  {kind}: {', '.join(f'{name} {value}' for name, value in offender.items())}")
