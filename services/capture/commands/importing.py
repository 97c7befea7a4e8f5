"""`leadstream import`: a file's rows straight to the bulk topic, or a look at what they would become."""

import asyncio
import contextlib
import os
import signal
from itertools import islice
from pathlib import Path
from typing import Any

import typer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from services.capture.commands.ending import FOUND_WRONG, MISUSED, NOT_THERE, Shown, end, print_json, progress_of
from services.capture.domain.facts import facts_of
from services.capture.domain.payload import JSON_TYPE
from services.capture.domain.people import stamp_of_record
from services.capture.domain.reading import Reading, read_value
from services.capture.domain.view import lead_view
from services.capture.importing.csv import CsvFile, open_csv
from services.capture.importing.inspecting import FileFacts, inspect_file
from services.capture.importing.mapping import ColumnMapping, load_mapping, suggest
from services.capture.importing.publishing import Checkpoint, Progress, bulk_producer, publish
from services.capture.importing.records import RowRecord, RowRecords, explained
from services.capture.importing.refusal import FileRefused
from services.capture.settings import CaptureSettings
from shared.contracts import ids
from shared.contracts.envelope import rfc3339
from shared.messaging.raw_producer import IntakeUnavailable
from shared.runtime.service import utc_now

_SHOWN_FIELDS = ("external_ids", "email", "phone", "name", "title", "source", "campaign", "message", "warnings")


def import_csv(
    file: Path,
    source: str,
    *,
    mapping: Path | None,
    dry_run: int | None,
    resume: bool,
    encoding: str | None,
    as_json: bool,
) -> None:
    """Import a file or show its first rows. Ends the command with the codes of `docs/interfaces`."""
    try:
        facts = inspect_file(file, encoding=encoding)
        table = open_csv(file, facts.encoding)
        columns = (
            load_mapping(mapping, table.header, source=source) if mapping else suggest(table.header, source=source)
        )
    except OSError as error:
        end(MISUSED, f"{file}: {error.strerror}")
    except FileRefused as error:
        end(FOUND_WRONG, f"{file}: {error}")
    settings = _settings(needs_secret=dry_run is None)
    records = RowRecords(
        facts.digest, source, columns, settings.secret_bytes, rfc3339(utc_now()), settings.default_region
    )
    if dry_run is not None:
        _show_first(table, columns, facts, records, dry_run, as_json=as_json)
        return
    checkpoint = Checkpoint(_home() / "imports", facts.digest, source)
    progress = asyncio.run(_import(table, records, checkpoint, settings, facts, resume=resume, as_json=as_json))
    _report(file, progress, columns, as_json=as_json)


def _settings(*, needs_secret: bool) -> CaptureSettings:
    try:
        return CaptureSettings()
    except ValidationError:
        if needs_secret:
            end(NOT_THERE, "LEADSTREAM_SECRET is not set, or shorter than 16; `make up` writes it to .leadstream/env")
        return CaptureSettings.model_validate({"secret": ids.new_id()})


def _home() -> Path:
    return Path(os.environ.get("LEADSTREAM_HOME", ".")) / ".leadstream"


async def _import(
    table: CsvFile,
    records: RowRecords,
    checkpoint: Checkpoint,
    settings: CaptureSettings,
    facts: FileFacts,
    *,
    resume: bool,
    as_json: bool,
) -> Progress:
    """Send the rows; Ctrl-C finishes what is on its way and stops there."""
    progress, stop = Progress(), asyncio.Event()
    progress.last_row = checkpoint.read() if resume else 0
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    rows = (row for row in table if row.number > progress.last_row) if progress.last_row else table
    with progress_of("import", facts.size, quiet=as_json) as shown:
        try:
            async with bulk_producer(settings) as producer:
                await publish(rows, records, producer, checkpoint, progress, show=_showing(shown, table), stop=stop)
        except (KafkaError, OSError, KeyError):
            end(NOT_THERE, f"Kafka does not answer at {settings.kafka_bootstrap}, or its topics are missing: `make up`")
        except IntakeUnavailable:
            end(FOUND_WRONG, f"Kafka went away; rows to {progress.last_row} are stored: go on with --resume")
    if not progress.stopped:
        checkpoint.clear()
    return progress


def _showing(shown: Shown, table: CsvFile) -> Any:
    def show(progress: Progress) -> None:
        rate = progress.rows / progress.seconds if progress.seconds else 0
        shown(table.position, f"{progress.rows:,} rows, {rate:,.0f} a second, {sum(progress.codes.values())} refused")

    return show


def _report(file: Path, progress: Progress, columns: ColumnMapping, *, as_json: bool) -> None:
    rejected = sum(progress.codes.values())
    if as_json:
        print_json(
            {
                "file": str(file),
                "rows": progress.rows,
                "accepted": progress.rows - rejected,
                "rejected": rejected,
                "codes": progress.codes,
                "first_rejected": progress.rejected,
                "blanked_placeholders": columns.blanked,
                "last_row": progress.last_row,
                "stopped": progress.stopped,
                "seconds": round(progress.seconds, 3),
            }
        )
    else:
        rate = progress.rows / progress.seconds if progress.seconds else 0
        typer.echo(f"{progress.rows:,} rows stored in {progress.seconds:.1f} s ({rate:,.0f} a second)")
        for code, count in sorted(progress.codes.items()):
            first = [str(row["row"]) for row in progress.rejected if row["code"] == code][:5]
            typer.echo(f"  {count:,} will be rejected: {code} (rows {', '.join(first)}{' …' if count > 5 else ''})")
        for name, count in sorted(columns.blanked.items()):
            typer.echo(f"  {count:,} placeholders taken as blank in column {name}")
    if progress.stopped:
        end(FOUND_WRONG, f"stopped after row {progress.last_row}; go on with --resume")


def _show_first(
    table: CsvFile, columns: ColumnMapping, facts: FileFacts, records: RowRecords, count: int, *, as_json: bool
) -> None:
    """The first rows as leads, with what is wrong with them; nothing is sent."""
    rows = [records.record(row) for row in islice(table, count)]
    mapped = {column.name: column.place or "extra" for column in columns.columns}
    if as_json:
        print_json(
            {
                "encoding": facts.encoding,
                "delimiter": table.delimiter,
                "columns": mapped,
                "rows": [{"row": row.number, "lead": _lead(row), "error": explained(row)} for row in rows],
            }
        )
        return
    typer.echo(f"encoding {facts.encoding}, delimiter {table.delimiter!r}, {len(mapped)} columns; nothing is sent")
    for name, place in mapped.items():
        typer.echo(f"  {name} -> {place}")
    for row in rows:
        _print_row(row)


def _print_row(row: RowRecord) -> None:
    why = explained(row)
    if why is not None:
        place = f" ({why['field']})" if why["field"] else ""
        typer.echo(f"row {row.number}: rejected, {why['code']}{place}: {why['detail']}")
        return
    lead = _lead(row) or {}
    said = [f"{name}={lead[name]}" for name in _SHOWN_FIELDS if lead.get(name)]
    company = lead.get("company") or {}
    said += [f"company={company['name']}"] if company.get("name") else []
    typer.echo(f"row {row.number}: {', '.join(said)}")


def _lead(row: RowRecord) -> dict[str, Any] | None:
    read = read_value(row.value, JSON_TYPE) if row.refusal is None else None
    if not isinstance(read, Reading):
        return None
    stamp = stamp_of_record(0, 0, row.number, row.event_id)
    view = lead_view(facts_of(read.clean, stamp, source_name=""), "")
    return {name: value for name, value in view.items() if value and name not in ("first_touch", "last_touch")}
