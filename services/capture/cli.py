"""Capture's part of the `leadstream` command: `send`, `import`, `receipts`."""

from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand

from services.capture.commands.client import CaptureClient
from services.capture.commands.ending import print_json
from services.capture.commands.importing import import_csv
from services.capture.commands.sending import send_file

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


def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV file with a header row.")],
    source: Annotated[str, typer.Option(help="The source that the leads come from.", min=1)],
    mapping: Annotated[Path | None, typer.Option(help="A YAML file: columns to fields.")] = None,
    dry_run: Annotated[
        int | None, typer.Option("--dry-run", min=1, help="Show the first N rows (10) as leads; send nothing.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after the last row that is known to be stored.")
    ] = False,
    encoding: Annotated[str | None, typer.Option(help="The file's encoding, where it cannot be told.")] = None,
    as_json: AsJson = False,
) -> None:
    """Import a file's rows. The same file twice changes nothing; rows that cannot be used are stored and rejected."""
    import_csv(file, source, mapping=mapping, dry_run=dry_run, resume=resume, encoding=encoding, as_json=as_json)


def send(
    file: Annotated[str, typer.Argument(help="NDJSON, JSON or CSV; `-` is the standard input.")],
    source: Annotated[str | None, typer.Option(help="The source's name; else each lead names its own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Send leads over HTTP, as any source would."""
    send_file(file, source, as_json=as_json)


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


def register(app: typer.Typer) -> None:
    """Add the commands to the composed one."""
    app.command("send", epilog="Example: leadstream send leads.ndjson --source webinar")(send)
    app.command(
        "import", cls=ImportCommand, epilog="Example: leadstream import leads.csv --source trade-show --dry-run 5"
    )(import_file)
    app.add_typer(receipts, name="receipts")
