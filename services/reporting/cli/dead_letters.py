"""`leadstream dead-letters list | show | replay | export`."""

from typing import Annotated, Any, Final

import typer

from services.reporting.cli.client import USAGE, JsonOption, fail, get, show_json
from services.reporting.cli.exporting import export
from services.reporting.cli.letter_filters import Before, Kind, Reason, ServiceName, Since, Source, State, chosen
from services.reporting.cli.replaying import replay
from services.reporting.cli.tables import print_table

dead_letters_app = typer.Typer(help="Records that could not be processed, and refused ones.", no_args_is_help=True)
_COLUMNS: Final = ("parked_at", "kind", "state", "service", "reason", "place", "source", "row", "from", "id")
_REPLAY_COLUMNS: Final = ("requested_at", "requested_by", "edited", "status", "outcome", "reason", "note")


@dead_letters_app.command("list", epilog="Example: leadstream dead-letters list --service scoring --state waiting")
def list_them(
    kind: Kind = None,
    service: ServiceName = None,
    reason: Reason = None,
    source: Source = None,
    first: Since = None,
    last: Before = None,
    state: State = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=200)] = 50,
    as_json: JsonOption = False,
) -> None:
    """The newest dead letters and rejects. `row` is the row of an imported file."""
    found = get("/v1/dead-letters", **chosen(kind, service, reason, source, first, last, state), limit=limit)
    if as_json:
        return show_json(found)
    print_table(_COLUMNS, [{**row, "from": _coordinates(row)} for row in found["dead_letters"]])
    if found["next_cursor"]:
        typer.echo(f"the newest {limit}; --limit, --from, --to and the other filters show others", err=True)


@dead_letters_app.command(epilog="Example: leadstream dead-letters show 018f…")
def show(
    dead_letter_id: Annotated[str, typer.Argument(help="The id that `list` shows.")], as_json: JsonOption = False
) -> None:
    """One dead letter with its headers, its value, and every replay of it: who, when, and what came of it."""
    found = get(f"/v1/dead-letters/{checked_id(dead_letter_id)}")
    if as_json:
        return show_json(found)
    value, headers, originals, replays = (
        found.pop(name) for name in ("value", "headers", "original_headers", "replays")
    )
    for name, said in {**found, "from": _coordinates(found), **(originals or {}), **headers}.items():
        if said not in (None, ""):
            typer.echo(f"{name:<26}{said}")
    typer.echo(value or "(no value)")
    if replays:
        typer.echo()
        print_table(_REPLAY_COLUMNS, replays)


dead_letters_app.command(epilog="Example: leadstream dead-letters replay --service scoring --rate 50/s --dry-run")(
    replay
)
dead_letters_app.command(epilog="Example: leadstream dead-letters export --format csv --out letters.csv")(export)


def checked_id(text: str) -> str:
    """An id as it may stand in a path."""
    if not text.replace("-", "").isalnum():
        fail(USAGE, "A dead letter's id is a UUID.")
    return text


def _coordinates(row: dict[str, Any]) -> str:
    return f"{row['topic']}-{row['partition']}-{row['offset']}"
