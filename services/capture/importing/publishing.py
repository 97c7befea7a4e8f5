"""Rows straight to the bulk topic, in batches, each acknowledged before the file's checkpoint moves."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaProducer

from services.capture.importing.csv import Row
from services.capture.importing.records import RowRecord, RowRecords, explained
from services.capture.settings import CaptureSettings
from shared.contracts.topics import INBOUND_BULK
from shared.messaging import admin
from shared.messaging.raw_producer import IntakeUnavailable, RawProducer, RawRecord

CHUNK: Final = 2_000
_GIVE_UP_S: Final = 60.0
_DEADLINE_S: Final = 15.0
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
        """Count a row that is about to be sent."""
        self.rows += 1
        why = explained(record)
        if why is not None:
            code = str(why["code"])
            self.codes[code] = self.codes.get(code, 0) + 1
            if len(self.rejected) < _LISTED:
                self.rejected.append(why)


class Checkpoint:
    """The last row of a file that is known to be stored."""

    def __init__(self, folder: Path, digest: str, source: str) -> None:
        self._path = folder / f"{digest[:32]}.json"
        self._source = source

    def read(self) -> int:
        """The row, or 0."""
        try:
            found = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return 0
        return int(found.get("row", 0)) if found.get("source") == self._source else 0

    def write(self, row: int) -> None:
        """Note a row, in one step."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps({"row": row, "source": self._source}))
        os.replace(fresh, self._path)

    def clear(self) -> None:
        """The file is through."""
        self._path.unlink(missing_ok=True)


@asynccontextmanager
async def bulk_producer(settings: CaptureSettings) -> AsyncIterator[RawProducer]:
    """A producer of its own, which waits for all in-sync replicas."""
    found = await admin.describe(settings.kafka_bootstrap, settings.names, [INBOUND_BULK])
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
    await producer.start()
    try:
        yield RawProducer(producer, settings.names, {name: topic.partitions for name, topic in found.items()})
    finally:
        await producer.stop()


async def publish(
    rows: Iterable[Row],
    records: RowRecords,
    producer: RawProducer,
    checkpoint: Checkpoint,
    progress: Progress,
    *,
    show: Callable[[Progress], None],
    stop: asyncio.Event,
) -> None:
    """Send every row. One chunk is on its way while the next is made. Raises IntakeUnavailable when Kafka stays away."""
    started = time.monotonic()
    source = iter(rows)
    sending: asyncio.Task[None] | None = None
    while not stop.is_set():
        chunk = await _chunk(source, records, progress)
        if sending is not None:
            await sending
        if not chunk:
            sending = None
            break
        sending = asyncio.create_task(_send(producer, chunk, checkpoint, progress))
        progress.seconds = time.monotonic() - started
        show(progress)
    if sending is not None:
        await sending
    progress.stopped = stop.is_set()
    progress.seconds = time.monotonic() - started


async def _chunk(source: Iterator[Row], records: RowRecords, progress: Progress) -> list[RowRecord]:
    chunk: list[RowRecord] = []
    for row in islice(source, CHUNK):
        chunk.append(records.record(row))
        progress.note(chunk[-1])
        if len(chunk) % 100 == 0:
            await asyncio.sleep(0)
    return chunk


async def _send(producer: RawProducer, chunk: list[RowRecord], checkpoint: Checkpoint, progress: Progress) -> None:
    """Send until it is acknowledged: a row that lands twice is known by its id."""
    raw = [RawRecord(record.key, record.value, record.headers) for record in chunk]
    deadline = time.monotonic() + _GIVE_UP_S
    while True:
        try:
            await producer.send(INBOUND_BULK, raw, deadline_s=_DEADLINE_S)
            break
        except IntakeUnavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(1.0)
    progress.last_row = chunk[-1].number
    checkpoint.write(progress.last_row)
