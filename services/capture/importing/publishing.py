"""Rows straight to the bulk topic, in batches, each acknowledged before the file's checkpoint moves."""

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer

from services.capture.importing.records import RowRecord, RowRecords, explained
from services.capture.importing.rejects import RejectedRows
from services.capture.importing.table import Row
from services.capture.settings import CaptureSettings
from shared.contracts.topics import INBOUND_BULK
from shared.messaging import admin
from shared.messaging.raw_producer import IntakeUnavailable, RawProducer, RawRecord

CHUNK: Final = 2_000
_GIVE_UP_S: Final = 60.0
_DEADLINE_S: Final = 15.0
_CONNECT_S: Final = 60.0
_LISTED: Final = 100


@dataclass(slots=True)
class Progress:
    """How far an import is. `rejected` lists the first of the rows that capture will reject, `codes` counts all."""

    rows: int = 0
    last_row: int = 0
    seconds: float = 0.0
    stopped: bool = False
    codes: dict[str, int] = field(default_factory=dict)
    rejected: list[dict[str, object]] = field(default_factory=list)

    def note(self, record: RowRecord) -> None:
        """Count a row that is stored."""
        self.rows += 1
        why = explained(record)
        if why is not None:
            code = str(why["code"])
            self.codes[code] = self.codes.get(code, 0) + 1
            if len(self.rejected) < _LISTED:
                self.rejected.append(why)


@dataclass(frozen=True, slots=True)
class Reached:
    """The last row of a file that is known to be stored, what was counted up to it, and the file of rejected rows."""

    row: int
    rows: int
    codes: dict[str, int]
    rejected: list[dict[str, object]]
    rejects: tuple[str, int] | None


class Checkpoint:
    """How far the import of a file has come, from one source and by one mapping."""

    def __init__(self, folder: Path, digest: str, source: str, import_key: str = "") -> None:
        self._path = folder / f"{sha256(f'{digest}/{source}/{import_key}'.encode()).hexdigest()[:32]}.json"

    def read(self) -> Reached | None:
        """How far it is; None where nothing is known."""
        try:
            found = json.loads(self._path.read_text())
            at = found["rejects"]
            return Reached(found["row"], found["rows"], found["codes"], found["rejected"], at and (at[0], at[1]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, progress: Progress, rejects: tuple[str, int] | None) -> None:
        """Note how far it is, in one step."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            "row": progress.last_row,
            "rows": progress.rows,
            "codes": progress.codes,
            "rejected": progress.rejected,
            "rejects": rejects,
        }
        # A name of its own: two imports of the same file may be under way, and either's rows are stored.
        fresh = self._path.with_suffix(f".{os.getpid()}.new")
        fresh.write_text(json.dumps(content))
        os.replace(fresh, self._path)

    def clear(self) -> None:
        """The file is through."""
        self._path.unlink(missing_ok=True)


@asynccontextmanager
async def bulk_producer(settings: CaptureSettings) -> AsyncIterator[RawProducer]:
    """A producer of its own, which waits for all in-sync replicas. Raises TimeoutError where Kafka does not answer in
    time: left alone, the client would ask for ever."""
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka_bootstrap,
        client_id="leadstream-import",
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        max_batch_size=1_048_576,
        max_request_size=1_114_112,
        request_timeout_ms=10_000,
    )
    try:
        async with asyncio.timeout(_CONNECT_S):
            found = await admin.describe(settings.kafka_bootstrap, settings.names, [INBOUND_BULK])
            await producer.start()
        yield RawProducer(producer, settings.names, {name: topic.partitions for name, topic in found.items()})
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_DEADLINE_S):
                await producer.stop()


@dataclass
class Publishing:
    """One import under way: rows to Kafka, rejected ones to their file too, then the checkpoint."""

    records: RowRecords
    producer: RawProducer
    rejects: RejectedRows
    checkpoint: Checkpoint
    progress: Progress
    show: Callable[[Progress], None]
    stop: asyncio.Event

    async def publish(self, rows: Iterable[Row]) -> None:
        """Send every row. One chunk is on its way while the next is made. Raises IntakeUnavailable when Kafka stays
        away; whatever ends it, the rows up to `progress.last_row` are stored."""
        started = time.monotonic() - self.progress.seconds
        source = iter(rows)
        sending: asyncio.Task[None] | None = None
        try:
            while not self.stop.is_set():
                chunk = await self._chunk(source)
                if sending is not None:
                    await sending
                if not chunk:
                    sending = None
                    break
                sending = asyncio.create_task(self._send(chunk))
                self.progress.seconds = time.monotonic() - started
                self.show(self.progress)
        finally:
            if sending is not None:
                await sending
            self.progress.stopped = self.stop.is_set()
            self.progress.seconds = time.monotonic() - started

    async def _chunk(self, source: Iterator[Row]) -> list[tuple[Row, RowRecord]]:
        chunk: list[tuple[Row, RowRecord]] = []
        for row in islice(source, CHUNK):
            chunk.append((row, self.records.record(row)))
            if len(chunk) % 100 == 0:
                await asyncio.sleep(0)
        return chunk

    async def _send(self, chunk: list[tuple[Row, RowRecord]]) -> None:
        """Send until it is acknowledged: a row that lands twice is known by its id."""
        raw = [RawRecord(record.key, record.value, record.headers) for _, record in chunk]
        deadline = time.monotonic() + _GIVE_UP_S
        while True:
            try:
                await self.producer.send(INBOUND_BULK, raw, deadline_s=_DEADLINE_S)
                break
            except IntakeUnavailable:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(1.0)
        self.rejects.write([(row, record) for row, record in chunk if record.refusal is not None])
        for _, record in chunk:
            self.progress.note(record)
        self.progress.last_row = chunk[-1][0].number
        self.checkpoint.write(self.progress, self.rejects.at)
