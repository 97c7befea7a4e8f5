"""`leadstream reports NAME`."""

from enum import StrEnum
from typing import Annotated

import typer

from services.reporting.cli.client import USAGE, JsonOption, fail, get, show_json
from services.reporting.cli.tables import csv_text, print_table


class Format(StrEnum):
    """How a report is written."""

    table = "table"
    json = "json"
    csv = "csv"


def reports(
    name: Annotated[
        str,
        typer.Argument(
            help="The report: funnel, pipeline, lists, materials, dead-letters, unmapped-sources, referrals."
        ),
    ],
    by: Annotated[
        str | None,
        typer.Option(
            help="funnel: day, source or stage; lists: list or vendor; dead-letters: service, reason, source or day.",
            show_default=False,
        ),
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option(help="funnel: activity, when it happened; cohort, by the lead's first day.", show_default=False),
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First day, like 2026-01-31, UTC.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, included.")] = None,
    output: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.table,
    as_json: JsonOption = False,
) -> None:
    """A report as a table, JSON or CSV."""
    if not name.replace("-", "").isalnum():
        fail(
            USAGE,
            "There is no such report. There are: funnel, pipeline, lists, materials, dead-letters, unmapped-sources, referrals.",
        )
    report = get(f"/v1/reports/{name}", **{"by": by, "mode": mode, "from": first, "to": last})
    if as_json or output is Format.json:
        show_json(report)
    elif output is Format.csv:
        typer.echo(csv_text(report["columns"], report["rows"]), nl=False)
    else:
        print_table(report["columns"], report["rows"])
