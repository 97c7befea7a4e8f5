"""The options by which dead letters are chosen, alike for every command."""

from collections.abc import Iterator
from typing import Annotated, Any, Final, TypeAlias

import typer

from services.reporting.cli.client import get

Kind: TypeAlias = Annotated[str | None, typer.Option(help="dead_letter, rejected or unreadable.")]
ServiceName: TypeAlias = Annotated[
    str | None, typer.Option("--service", help="The service (stage) that could not process it.")
]
Reason: TypeAlias = Annotated[str | None, typer.Option(help="The reason, as listed.")]
Source: TypeAlias = Annotated[str | None, typer.Option(help="Where the record came from.")]
Since: TypeAlias = Annotated[
    str | None, typer.Option("--from", help="Parked since this time, like 2026-01-31T10:00:00Z.")
]
Before: TypeAlias = Annotated[str | None, typer.Option("--to", help="Parked before this time.")]
State: TypeAlias = Annotated[
    str | None, typer.Option(help="waiting, replayed, failed_again (its newer letter waits), or refused.")
]
Chosen: TypeAlias = dict[str, str | None]
PAGE: Final = 200


def chosen(
    kind: str | None,
    service: str | None,
    reason: str | None,
    source: str | None,
    first: str | None,
    last: str | None,
    state: str | None,
) -> Chosen:
    """Filters as reporting's HTTP takes them."""
    named = {"kind": kind, "service": service, "reason": reason, "source": source}
    return {**named, "from": first, "to": last, "state": state}


def pages(filters: Chosen, *, page: int = PAGE, **more: Any) -> Iterator[list[dict[str, Any]]]:
    """Every page of what is chosen, newest first."""
    cursor: str | None = None
    while True:
        found = get("/v1/dead-letters", **filters, **more, limit=page, cursor=cursor)
        yield found["dead_letters"]
        cursor = found["next_cursor"]
        if cursor is None:
            return
