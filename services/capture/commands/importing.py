"""`leadstream import`: a file's rows straight to the bulk topic."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from services.capture.commands.client import CaptureClient
from services.capture.commands.ending import FOUND_WRONG, MISUSED, NOT_THERE, Shown, end, print_json, progress_of
from services.capture.commands.looking import Preview, show_first
from services.capture.commands.preparing import Prepared, Wanted, home, prepare
from services.capture.domain.validation import KIND, NO_RULES, Validation, compile_validation, load_validation
from services.capture.importing.cells import EXPLAINED
from services.capture.importing.publishing import Checkpoint, Progress, Publishing, bulk_producer
from services.capture.importing.records import RowRecords
from services.capture.importing.refusal import FileRefused
from services.capture.importing.rejects import RejectedRows
from services.capture.settings import CaptureSettings
from shared.contracts import ids
from shared.contracts.envelope import rfc3339
from shared.messaging.raw_producer import IntakeUnavailable
from shared.rules import RuleFileError
from shared.runtime.clock import utc_now


def import_rows(
    wanted: Wanted,
    *,
    dry_run: int | None,
    resume: bool,
    rejected: Path | None,
    preview: Callable[[], Preview] | None,
    as_json: bool,
) -> None:
    """Import a file or show its first rows. Ends the command with the codes of `docs/import.md`."""
    try:
        prepared = prepare(wanted)
        settings = _settings(needs_secret=dry_run is None)
        records = RowRecords(
            prepared.plan.file_id,
            prepared.plan.source,
            prepared.mapping,
            settings.secret_bytes,
            rfc3339(utc_now()),
            settings.default_region,
            NO_RULES if dry_run is not None else _validation(as_json),
        )
        if dry_run is not None:
            show_first(prepared, records, dry_run, preview, as_json=as_json)
            return
        asyncio.run(_Import(prepared, records, settings, rejected, resume=resume, as_json=as_json).run())
    except OSError as error:
        end(MISUSED, f"{wanted.file or wanted.plan}: {error.strerror}")
    except FileRefused as error:
        end(FOUND_WRONG, f"{wanted.file or wanted.plan}: {error}")


def _settings(*, needs_secret: bool) -> CaptureSettings:
    try:
        return CaptureSettings()
    except ValidationError:
        if needs_secret:
            end(NOT_THERE, "LEADSTREAM_SECRET is not set, or shorter than 16; `make up` writes it to .leadstream/env")
        return CaptureSettings.model_validate({"secret": ids.new_id()})


def _validation(as_json: bool) -> Validation:
    """The validation rules that are live. Where they cannot be known, capture says by the receipts what it rejects."""
    live, why = CaptureClient.live_rules(KIND)
    if live is not None:
        with contextlib.suppress(RuleFileError, KeyError):
            used = {name: live[name] for name in ("kind", "name", "version", "content_hash")}
            return compile_validation(load_validation(live["document"], f"{KIND}.yaml").model, used)
        why = "they are of another release"
    if not as_json:
        typer.echo(f"rows are not held against the validation rules here, but by capture: {why}", err=True)
    return NO_RULES


class _Import:
    def __init__(
        self,
        prepared: Prepared,
        records: RowRecords,
        settings: CaptureSettings,
        rejected: Path | None,
        *,
        resume: bool,
        as_json: bool,
    ) -> None:
        self._prepared = prepared
        self._records = records
        self._settings = settings
        self._as_json = as_json
        self._progress = Progress()
        plan = prepared.plan
        self._checkpoint = Checkpoint(home() / "imports", plan.digest, plan.source, plan.import_key)
        reached = self._checkpoint.read() if resume else None
        if reached is not None:
            self._progress = Progress(reached.rows, reached.row, codes=reached.codes, rejected=reached.rejected)
        elif resume and not as_json:
            typer.echo("nothing is known of an earlier import of this file: it begins with the first row", err=True)
        wanted = rejected or _beside(prepared.path)
        self._rejects = RejectedRows(wanted, prepared.table.header, at=reached.rejects if reached else None)

    async def run(self) -> None:
        """Send the rows; Ctrl-C finishes what is on its way and stops there, a second one ends it at once."""
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def asked_to_stop(number: int) -> None:
            stop.set()
            loop.remove_signal_handler(number)

        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, asked_to_stop, number)
        broken: str | None = None
        with progress_of("import", self._prepared.facts.size, quiet=self._as_json) as shown:
            try:
                await self._publish(shown, stop)
            except FileRefused as error:
                broken = str(error)
            except (KafkaError, KeyError, ConnectionError, TimeoutError):
                end(
                    NOT_THERE,
                    f"Kafka does not answer at {self._settings.kafka_bootstrap}, or its topics are missing: `make up`",
                )
            except IntakeUnavailable:
                end(FOUND_WRONG, f"Kafka went away; {_stored(self._progress)}: go on with --resume")
            finally:
                self._rejects.close()
        if not self._progress.stopped and broken is None:
            self._checkpoint.clear()
        self._report(broken)

    async def _publish(self, shown: Shown, stop: asyncio.Event) -> None:
        progress, rows = self._progress, self._prepared.rows
        if last := progress.last_row:
            rows = (row for row in rows if row.number > last)
        async with bulk_producer(self._settings) as producer:
            publishing = Publishing(
                self._records, producer, self._rejects, self._checkpoint, progress, self._showing(shown), stop
            )
            await publishing.publish(rows)

    def _showing(self, shown: Shown) -> Callable[[Progress], None]:
        size, table, before = self._prepared.facts.size, self._prepared.table, self._progress.rows

        def show(progress: Progress) -> None:
            done = table.position
            rate = (progress.rows - before) / progress.seconds if progress.seconds else 0
            left = progress.seconds * (size - done) / done if done else 0
            refused = sum(progress.codes.values())
            shown(done, f"{progress.rows:,} rows, {rate:,.0f} a second, {refused:,} refused, {_span(left)} left")

        return show

    def _report(self, broken: str | None) -> None:
        progress, mapping = self._progress, self._prepared.mapping
        if self._as_json:
            print_json(self._as_document(broken))
        else:
            rate = progress.rows / progress.seconds if progress.seconds else 0
            typer.echo(f"{progress.rows:,} rows stored in {progress.seconds:.1f} s ({rate:,.0f} a second)")
            for code, count in sorted(progress.codes.items()):
                first = [str(row["row"]) for row in progress.rejected if row["code"] == code][:5]
                typer.echo(f"  {count:,} will be rejected: {code} (rows {', '.join(first)}{' …' if count > 5 else ''})")
            if self._rejects.path is not None:
                typer.echo(f"  they are in {self._rejects.path}, with reasons: mend them there and import that file")
            for name, count in sorted(mapping.blanked.items()):
                typer.echo(f"  {count:,} placeholders taken as blank in column {name}")
            for (name, flag), count in sorted(mapping.flagged.items()):
                typer.echo(f"  {count:,} flagged in column {name}: {EXPLAINED[flag]}")
        if broken is not None:
            end(FOUND_WRONG, f"{broken}; {_stored(progress)}")
        if progress.stopped:
            end(FOUND_WRONG, f"stopped: {_stored(progress)}; go on with --resume")

    def _as_document(self, broken: str | None) -> dict[str, Any]:
        progress, mapping = self._progress, self._prepared.mapping
        rejected = sum(progress.codes.values())
        return {
            "file": str(self._prepared.path),
            "mapping": mapping.label,
            "rows": progress.rows,
            "accepted": progress.rows - rejected,
            "rejected": rejected,
            "codes": progress.codes,
            "first_rejected": progress.rejected,
            "rejected_file": str(self._rejects.path) if self._rejects.path else None,
            "blanked_placeholders": mapping.blanked,
            "flagged": [{"column": name, "flag": flag, "cells": n} for (name, flag), n in mapping.flagged.items()],
            "last_row": progress.last_row,
            "stopped": progress.stopped,
            "broken": broken,
            "seconds": round(progress.seconds, 3),
        }


def _stored(progress: Progress) -> str:
    return f"rows to {progress.last_row} are stored" if progress.last_row else "nothing is stored"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _beside(path: Path) -> Path:
    """Beside the file where that can be, else in the folder in hand."""
    folder = path.parent if os.access(path.parent, os.W_OK) else Path()
    return folder / f"{path.stem}.rejected.csv"
