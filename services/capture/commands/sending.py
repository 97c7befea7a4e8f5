"""`leadstream send`: leads of a file over HTTP, as any source would send them."""

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import orjson
import typer

from services.capture.commands.client import CaptureClient
from services.capture.commands.ending import FOUND_WRONG, MISUSED, end, print_json, progress_of
from services.capture.importing.csv import open_csv
from services.capture.importing.inspecting import inspect_file
from services.capture.importing.refusal import FileRefused
from services.capture.importing.suggesting import suggest
from services.capture.sources.mail import without_attachments

Format = Literal["ndjson", "json", "csv"]

_LEADS: Final = "/v1/leads/batch"
_EVENTS: Final = "/v1/events"
_MAIL: Final = ".eml"
_LINES: Final = 1_000
_BYTES: Final = 4_000_000
_BY_SUFFIX: Final[dict[str, Format]] = {
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".json": "json", ".csv": "csv", ".tsv": "csv",
}  # fmt: skip


def send_file(name: str, source: str | None, *, as_json: bool, events: bool = False) -> None:
    """Send a file, `-` being the standard input. Ends with 1 when some leads, or events, were refused."""
    with tempfile.TemporaryDirectory() as folder:
        path = _spooled(Path(folder)) if name == "-" else Path(name)
        if not path.is_file():
            end(MISUSED, f"there is no file {name}")
        if path.suffix.lower() == _MAIL and not events:
            return _report(_send_mail(path, source), as_json=as_json)
        try:
            totals = _send(_lines(path, source), source, quiet=as_json, path=_EVENTS if events else _LEADS)
        except FileRefused as error:
            end(FOUND_WRONG, f"{name}: {error}")
    _report(totals, as_json=as_json)


def _send_mail(path: Path, source: str | None) -> dict[str, Any]:
    """Send a mail without its attachments, which nobody would keep. What becomes of it stands on its receipt."""
    with CaptureClient() as client:
        return {**client.send_mail(without_attachments(path.read_bytes()), source), "rejected": []}


def _spooled(folder: Path) -> Path:
    path = folder / "input"
    with path.open("wb") as out:
        shutil.copyfileobj(sys.stdin.buffer, out)
    return path


def _lines(path: Path, source: str | None) -> Iterator[bytes]:
    """The leads, one JSON text each. Lines that are none are sent all the same: they get their receipt."""
    match _BY_SUFFIX.get(path.suffix.lower()) or _format_of(path):
        case "ndjson":
            with path.open("rb") as stream:
                yield from (line.rstrip(b"\r\n") for line in stream if line.strip())
        case "json":
            yield from _documents(path)
        case "csv":
            yield from _rows(path, source)


def _format_of(path: Path) -> Format:
    """By its first sign: `[` is JSON, `{` is NDJSON unless the whole is one object, else CSV."""
    with path.open("rb") as stream:
        first = stream.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
    if first[:1] == b"[":
        return "json"
    return "ndjson" if first[:1] == b"{" else "csv"


def _documents(path: Path) -> Iterator[bytes]:
    try:
        document = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        raise FileRefused("the file is not JSON") from None
    for one in document if isinstance(document, list) else [document]:
        yield orjson.dumps(one)


def _rows(path: Path, source: str | None) -> Iterator[bytes]:
    table = open_csv(path, inspect_file(path).encoding)
    mapping = suggest(table.header, source=source or "csv")
    for row in table:
        if row.damage:
            # No JSON, so that it is refused; one line, so that it stays one lead.
            yield " ".join(row.raw.split()).encode()
        else:
            yield orjson.dumps(mapping.document(row.cells))


def _send(lines: Iterable[bytes], source: str | None, *, quiet: bool, path: str) -> dict[str, Any]:
    totals: dict[str, Any] = {"accepted": 0, "receipts": [], "rejected": []}
    sent = 0
    with CaptureClient() as client, progress_of("send", None, quiet=quiet) as shown:
        for batch in _batches(lines):
            answer = client.send_lines(batch, source, path)
            totals["accepted"] += answer["accepted"]
            totals["receipts"] += answer["receipts"]
            totals["rejected"] += [{**one, "line": one["line"] + sent} for one in answer["rejected"]]
            sent += len(batch)
            shown(sent, f"{sent:,} sent, {len(totals['rejected'])} refused")
    return totals


def _batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == _LINES or size + len(line) > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line) + 1
    if batch:
        yield batch


def _report(totals: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(totals)
    else:
        typer.echo(f"{totals['accepted']:,} accepted, {len(totals['rejected']):,} refused")
        for one in totals["rejected"][:20]:
            place = f" ({one['field']})" if one["field"] else ""
            typer.echo(f"  line {one['line']}: {one['code']}{place}: {one['detail']} [receipt {one['receipt_id']}]")
        if totals["receipts"]:
            typer.echo(f"look where one went: leadstream receipts show {totals['receipts'][-1]}")
    if totals["rejected"]:
        raise typer.Exit(FOUND_WRONG)
