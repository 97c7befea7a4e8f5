"""Capture's part of the `leadstream` command: `send`, `import`, `mappings`, `receipts`, `quarantine`."""

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

from services.capture.commands.announced import announced
from services.capture.commands.client import CaptureClient
from services.capture.commands.duplicates import duplicates
from services.capture.commands.ending import MISUSED, end, print_json
from services.capture.commands.hygiene import hygiene_app
from services.capture.commands.importing import import_rows
from services.capture.commands.judging import behaviour_app
from services.capture.commands.lifecycle import targets
from services.capture.commands.listing import ListOptions
from services.capture.commands.looking import Preview
from services.capture.commands.mapping import mappings_app
from services.capture.commands.preparing import Wanted
from services.capture.commands.quarantine import quarantine_app
from services.capture.commands.sending import send_file
from services.capture.importing.cells import DateOrder, Decimal
from services.capture.importing.suggesting import Choices
from services.capture.importing.table import ReadingOptions

receipts = typer.Typer(help="Receipts: what became of each submission.", no_args_is_help=True)

_ROWS_SHOWN: Final = "10"
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]


class ImportCommand(TyperCommand):
    """Lets `--dry-run` stand without a number."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default number behind a bare `--dry-run`."""
        filled: list[str] = []
        for place, word in enumerate(args):
            filled.append(word)
            if word == "--dry-run" and not (place + 1 < len(args) and args[place + 1].isdigit()):
                filled.append(_ROWS_SHOWN)
        return super().parse_args(ctx, filled)


class DateOrderName(StrEnum):
    """How the days of a file are written."""

    dmy = "dmy"
    mdy = "mdy"
    ymd = "ymd"


class DecimalName(StrEnum):
    """The decimal sign of a file's numbers."""

    point = "point"
    comma = "comma"


_SIGNS: Final[dict[DecimalName, Decimal]] = {DecimalName.point: ".", DecimalName.comma: ","}
_ORDERS: Final[dict[DateOrderName, DateOrder]] = {
    DateOrderName.dmy: "dmy", DateOrderName.mdy: "mdy", DateOrderName.ymd: "ymd",
}  # fmt: skip


def import_command(preview: Callable[[], Preview] | None) -> Callable[..., None]:
    """The command; `preview` makes the scores and owners of a dry run."""

    def import_file(
        file: Annotated[
            Path | None, typer.Argument(help="CSV, XLSX, XLS, ODS or vCard; may be left out with --plan.")
        ] = None,
        source: Annotated[str | None, typer.Option(help="The source that the leads come from.")] = None,
        mapping: Annotated[
            str | None, typer.Option(help="A YAML file, or a saved mapping: name or name@version.")
        ] = None,
        dry_run: Annotated[
            int | None, typer.Option("--dry-run", min=1, help="Show the first N rows (10) as leads; send nothing.")
        ] = None,
        plan: Annotated[
            str | None, typer.Option(help="Import exactly what a dry run has shown, by its plan's id.")
        ] = None,
        resume: Annotated[
            bool, typer.Option("--resume", help="Go on after the last row that is known to be stored.")
        ] = False,
        rejected: Annotated[Path | None, typer.Option(help="Where rejected rows go; else beside the file.")] = None,
        date_order: Annotated[
            DateOrderName | None, typer.Option(help="How days are written: nothing is guessed.")
        ] = None,
        decimal: Annotated[DecimalName | None, typer.Option(help="The decimal sign of amounts.")] = None,
        placeholder: Annotated[
            list[str] | None, typer.Option(help="A further text that means blank; repeatable.")
        ] = None,
        encoding: Annotated[str | None, typer.Option(help="The file's encoding, where it cannot be told.")] = None,
        delimiter: Annotated[str | None, typer.Option(help="One character, or tab, comma, semicolon, pipe.")] = None,
        sheet: Annotated[
            str | None, typer.Option(help="A workbook's sheet; else the first that is not hidden.")
        ] = None,
        header_row: Annotated[
            int | None, typer.Option(min=1, help="The number of the row with the columns' names.")
        ] = None,
        no_header: Annotated[
            bool, typer.Option("--no-header", help="There is none: columns are `column 1` and on.")
        ] = False,
        on_list: Annotated[
            str | None, typer.Option("--list", help="The list that the people stand on, such as a purchased one.")
        ] = None,
        vendor: Annotated[str | None, typer.Option(help="Who the list is from.")] = None,
        cost: Annotated[str | None, typer.Option(help="What the whole list cost, such as '500 EUR'.")] = None,
        list_param: Annotated[
            list[str] | None, typer.Option(help="What the list was chosen by: name=value; repeatable.")
        ] = None,
        targets: Annotated[
            bool, typer.Option("--targets", help="They were only listed: targets until they respond.")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """Import a file's rows. The same file twice changes nothing; rows that cannot be used are stored and rejected."""
        options = ReadingOptions(encoding, delimiter, sheet, 0 if no_header else header_row)
        order, sign = _ORDERS[date_order] if date_order else None, _SIGNS[decimal] if decimal else None
        choices = Choices(order, sign, tuple(placeholder or ()))
        listed = ListOptions(on_list, vendor, cost, tuple(list_param or ()), targets)
        wanted = Wanted(file, source, mapping, plan, options, choices, listed.constants())
        if plan is not None and wanted != Wanted(file, None, None, plan):
            end(MISUSED, "--plan stands for source, mapping and everything else: name it alone")
        if plan is None and (file is None or not source):
            end(MISUSED, "a file and --source are needed, or --plan")
        import_rows(wanted, dry_run=dry_run, resume=resume, rejected=rejected, preview=preview, as_json=as_json)

    return import_file


def send(
    file: Annotated[str, typer.Argument(help="NDJSON, JSON, CSV or a mail (.eml); `-` is the standard input.")],
    source: Annotated[str | None, typer.Option(help="The source's name; else each lead names its own.")] = None,
    events: Annotated[bool, typer.Option("--events", help="What people did, and not leads.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send leads, or what people did, over HTTP, as any source would."""
    send_file(file, source, as_json=as_json, events=events)


def backfill(
    source: Annotated[str, typer.Argument(help="A source of the file of sources.")],
    since: Annotated[str, typer.Option(help="From this instant, such as 2026-02-01T00:00Z.")],
    until: Annotated[str, typer.Option(help="Until before this instant.")],
    file: Annotated[Path | None, typer.Option(help="An export, one JSON payload a line, in place of the API.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the leads of a range of time from their provider. Those that are known already change nothing."""
    from services.capture.commands.backfilling import backfill_source

    backfill_source(source, since, until, file, as_json=as_json)


def loadgen(
    rate: Annotated[float, typer.Option(min=0.1, max=100_000, help="Leads a second.")] = 100.0,
    span: Annotated[str, typer.Option("--for", help="How long: 30s, 5m, 1h.")] = "30s",
    source: Annotated[str, typer.Option(help="The source's name.")] = "loadgen",
    seed: Annotated[int, typer.Option(help="The same seed makes the same people, under other addresses.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Send leads of people who do not exist at a steady rate, as a source would, and say what was taken and how long it
    took. A key may send LEADSTREAM_KEY_RATE a second; what is beyond is sent again, later."""
    from services.capture.commands.loadgen import loadgen as send_load

    send_load(rate, span, source, seed, as_json=as_json)


def check_sources(
    file: Annotated[Path, typer.Argument(help="A file of sources.")],
    as_json: AsJson = False,
) -> None:
    """Check a file of sources: every problem with its line and column."""
    from services.capture.commands.backfilling import check_file

    check_file(file, as_json=as_json)


@receipts.command("show", epilog="Example: leadstream receipts show 0197…")
def show_receipt(
    receipt_id: Annotated[str, typer.Argument(help="The id that came with the 202.")], as_json: AsJson = False
) -> None:
    """Show what became of a submission."""
    with CaptureClient() as client:
        found = client.receipt(receipt_id)
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if value is not None and name != "repeats":
            typer.echo(f"{name.replace('_', ' ')}: {value}")
    for repeat in found.get("repeats", ()):
        typer.echo(f"again: {repeat['status']} ({repeat['reason']}) at {repeat['settled_at']}")


def register(app: typer.Typer, *, preview: Callable[[], Preview] | None = None) -> None:
    """Add the commands to the composed one; `preview` tells what the rules of other services would make of leads."""
    app.command("send", epilog="Example: leadstream send leads.ndjson --source webinar")(send)
    app.command(
        "import", cls=ImportCommand, epilog="Example: leadstream import leads.csv --source trade-show --dry-run 5"
    )(import_command(preview))
    app.command(
        "backfill", epilog="Example: leadstream backfill spring --since 2026-02-01T00:00Z --until 2026-03-01T00:00Z"
    )(backfill)
    app.command("loadgen", epilog="Example: leadstream loadgen --rate 500 --for 1m")(loadgen)
    app.command("announced", epilog="Example: leadstream announced --state pending")(announced)
    app.command("sources", epilog="Example: leadstream sources sources.yaml")(check_sources)
    app.add_typer(mappings_app, name="mappings")
    app.add_typer(receipts, name="receipts")
    app.add_typer(quarantine_app, name="quarantine")
    app.add_typer(duplicates, name="duplicates")
    app.add_typer(targets, name="targets")
    app.add_typer(hygiene_app, name="hygiene")
    app.add_typer(behaviour_app, name="behaviour")
