"""`leadstream dead-letters export`: every letter with its very bytes, as JSON lines or CSV."""

import csv
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, TextIO

import typer

from services.reporting.cli.client import USAGE, JsonOption, fail, get
from services.reporting.cli.letter_filters import (
    Before,
    Kind,
    Reason,
    ServiceName,
    Since,
    Source,
    State,
    chosen,
    pages,
)
from services.reporting.cli.progress import progress_of
from services.reporting.cli.tables import safe_cell

_PAGE: Final = 50  # with values of up to 900 kB
_PLAIN: Final = (
    "id", "parked_at", "kind", "state", "service", "reason", "place", "source", "topic", "topic_id", "partition",
    "offset", "event_id", "lead_id", "row", "replay_of", "attempt",
)  # fmt: skip
_BYTES: Final = ("key_base64", "value_base64")


class Format(StrEnum):
    """How letters are written."""

    jsonl = "jsonl"
    csv = "csv"


def export(
    kind: Kind = None,
    service: ServiceName = None,
    reason: Reason = None,
    source: Source = None,
    first: Since = None,
    last: Before = None,
    state: State = None,
    output: Annotated[Format, typer.Option("--format", help="How letters are written.")] = Format.jsonl,
    out: Annotated[Path, typer.Option(help="The file; - is the standard output.")] = Path("-"),
    as_json: JsonOption = False,
) -> None:
    """Write the chosen letters, newest first, with the original key, value and headers as base64.

    They are personal data: a file is made readable for its owner only, and must not exist yet.
    """
    filters = chosen(kind, service, reason, source, first, last, state)
    total = get("/v1/dead-letters/counts", **filters)["total"]
    done = 0
    quiet = as_json or str(out) == "-"
    with _opened(out) as file, progress_of("export", total, quiet=quiet) as shown:
        write = _writer(file, output)
        for page in pages(filters, page=_PAGE, values=True):
            for letter in page:
                write(letter)
            done += len(page)
            shown(done)
    if as_json:  # on the error stream where the letters are on the other
        typer.echo(json.dumps({"letters": done, "out": str(out)}), err=str(out) == "-")
        return
    typer.echo(f"{done:,} letters written", err=True)


@contextmanager
def _opened(out: Path) -> Iterator[TextIO]:
    if str(out) == "-":
        yield sys.stdout
        return
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        fail(USAGE, f"{out}: {error.strerror}")
    with open(descriptor, "w", encoding="utf-8", newline="") as file:
        yield file


def _writer(file: TextIO, output: Format) -> Any:
    if output is Format.jsonl:
        return lambda letter: file.write(json.dumps(letter, ensure_ascii=False) + "\n")
    table = csv.writer(file, lineterminator="\n")
    table.writerow((*_PLAIN, *_BYTES, "headers_base64"))

    def write(letter: dict[str, Any]) -> None:
        """Base64 stays as it is: no spreadsheet finds a call in it, and an apostrophe would change the bytes."""
        plain = [safe_cell(letter.get(name)) for name in _PLAIN]
        table.writerow((*plain, *(letter.get(name) for name in _BYTES), json.dumps(letter["headers_base64"])))

    return write
