"""`leadstream dead-letters list | show`."""

from typing import Annotated, Any, Final

import typer

from services.reporting.cli.client import USAGE, JsonOption, fail, get, show_json
from services.reporting.cli.tables import print_table

dead_letters_app = typer.Typer(help="Records that could not be processed, and refused ones.", no_args_is_help=True)

_COLUMNS: Final = ("parked_at", "kind", "service", "reason", "place", "source", "from", "id")


@dead_letters_app.command("list", epilog="Example: leadstream dead-letters list --service scoring")
def list_them(
    kind: Annotated[str | None, typer.Option(help="dead_letter, rejected or unreadable.")] = None,
    service: Annotated[str | None, typer.Option(help="The service that could not process it.")] = None,
    reason: Annotated[str | None, typer.Option(help="The reason, as listed.")] = None,
    source: Annotated[str | None, typer.Option(help="Where the record came from.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="Since this time, like 2026-01-31T10:00:00Z.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Before this time.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=200)] = 50,
    as_json: JsonOption = False,
) -> None:
    """The newest dead letters and rejects."""
    wanted = {"kind": kind, "service": service, "reason": reason, "source": source, "from": first, "to": last}
    found = get("/v1/dead-letters", **wanted, limit=limit)
    if as_json:
        return show_json(found)
    print_table(_COLUMNS, [{**row, "from": _coordinates(row)} for row in found["dead_letters"]])


@dead_letters_app.command(epilog="Example: leadstream dead-letters show 018f…")
def show(
    dead_letter_id: Annotated[str, typer.Argument(help="The id that `list` shows.")], as_json: JsonOption = False
) -> None:
    """One dead letter with its headers and its value."""
    if not dead_letter_id.replace("-", "").isalnum():
        fail(USAGE, "A dead letter's id is a UUID.")
    found = get(f"/v1/dead-letters/{dead_letter_id}")
    if as_json:
        return show_json(found)
    value = found.pop("value")
    headers = found.pop("headers")
    for name, said in {**found, "from": _coordinates(found), **headers}.items():
        if said not in (None, ""):
            typer.echo(f"{name:<26}{said}")
    typer.echo(value or "(no value)")


def _coordinates(row: dict[str, Any]) -> str:
    return f"{row['topic']}-{row['partition']}-{row['offset']}"
