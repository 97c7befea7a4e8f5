"""The plain producer: receipts and commands enter Kafka here, acknowledged by all in-sync replicas, or not at all.

Callers do not wait for each other: what arrives while a partition's batch is under way is the next batch, whoever it
came from. (aiokafka's own `send_batch` lets callers race for the one place that a partition has; under load some lose
until they time out.)
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import BrokerResponseError, KafkaError

from shared.contracts.envelope import Headers
from shared.contracts.topics import partition_for
from shared.messaging.connections import ended_task_of_producer, send_or_fail
from shared.messaging.names import Names
from shared.messaging.producer_ids import ask_for_a_new_id
from shared.observability.futures import look_at

DEADLINE_S: Final = 3.0
_BREAK_S: Final = 1.0
# An empty batch takes any record; the broker refuses requests beyond a little more than this.
LARGEST: Final = 1_000_000

send_or_fail()


class IntakeUnavailable(Exception):
    """Kafka did not take the record in time. It may still land; the receipt shows it."""


class RecordTooLarge(Exception):
    """A record beyond `LARGEST` bytes; nothing of the call was sent. Callers keep their records far below."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record to send as it is."""

    key: bytes
    value: bytes
    headers: Headers


class RawProducer:
    """Sends and waits for the acknowledgement, for a bounded time, with a bounded number of records in flight."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        names: Names,
        partitions: dict[str, int],
        *,
        in_flight: int = 20_000,
        bytes_in_flight: int = 128 << 20,
    ) -> None:
        self._producer = producer
        self._names = names
        self._partitions = partitions
        self._free = in_flight
        self._free_bytes = bytes_in_flight
        self._queues: dict[tuple[str, int], _PartitionQueue] = {}
        self._broken_until = 0.0

    @property
    def usable(self) -> bool:
        """Whether the producer still works at all; a dead one means that the process must start again."""
        return self._producer._sender.sender_task is not None and ended_task_of_producer(self._producer) is None

    @property
    def available(self) -> bool:
        """Whether the last try succeeded, or it is time for another one."""
        return self.usable and time.monotonic() >= self._broken_until

    async def send(self, topic: str, records: Sequence[RawRecord], *, deadline_s: float = DEADLINE_S) -> None:
        """Return when every record is acknowledged. Raises RecordTooLarge, or IntakeUnavailable, quickly."""
        sizes = [len(record.value) for record in records]
        size = sum(sizes)
        if max(sizes, default=0) > LARGEST:
            raise RecordTooLarge
        if not self.available or len(records) > self._free or size > self._free_bytes:
            raise IntakeUnavailable
        acknowledged = self._enqueue(topic, records)
        self._take(acknowledged, len(records), size)
        try:
            async with asyncio.timeout(deadline_s):
                for one in acknowledged:
                    await asyncio.shield(one)  # others may wait for the same batch
        except (TimeoutError, KafkaError) as error:
            self._broken_until = time.monotonic() + _BREAK_S
            raise IntakeUnavailable from error

    def _take(self, acknowledged: "set[asyncio.Future[None]]", records: int, size: int) -> None:
        """Room for so much is taken until it is acknowledged or has failed: senders who have given up leave it behind."""
        self._free, self._free_bytes = self._free - records, self._free_bytes - size
        left = len(acknowledged)

        def settled(_: "asyncio.Future[None]") -> None:
            nonlocal left
            left -= 1
            if not left:
                self._free, self._free_bytes = self._free + records, self._free_bytes + size

        for one in acknowledged:
            one.add_done_callback(settled)

    def _enqueue(self, topic: str, records: Sequence[RawRecord]) -> "set[asyncio.Future[None]]":
        """Put every record into its partition's next batch."""
        count = self._partitions[topic]
        return {self._queue(topic, partition_for(record.key, count)).add(record) for record in records}

    def _queue(self, topic: str, partition: int) -> "_PartitionQueue":
        queue = self._queues.get((topic, partition))
        if queue is None:
            name = self._names.topic(topic)
            queue = self._queues[topic, partition] = _PartitionQueue(self._producer, name, partition)
        return queue


class _Batch(NamedTuple):
    """Records that will be sent together, and what their senders wait for."""

    builder: Any
    acknowledged: "asyncio.Future[None]"


class _PartitionQueue:
    """One partition: a batch under way at a time, and those that wait, in the order in which records came."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partition: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._waiting: deque[_Batch] = deque()
        self._sending: asyncio.Task[None] | None = None

    def add(self, record: RawRecord) -> "asyncio.Future[None]":
        """Done when the record is acknowledged."""
        if not self._waiting or not _append(self._waiting[-1].builder, record):
            batch = _Batch(self._producer.create_batch(), asyncio.get_running_loop().create_future())
            batch.acknowledged.add_done_callback(look_at)
            _append(batch.builder, record)
            self._waiting.append(batch)
            if self._sending is None:
                self._sending = asyncio.create_task(self._send_all())
        return self._waiting[-1].acknowledged

    async def _send_all(self) -> None:
        """Send until nothing waits. A failure is everyone's who waits: nothing piles up while Kafka is away."""
        try:
            while self._waiting:
                batch = self._waiting.popleft()
                try:
                    await self._send(batch)
                except BaseException as error:
                    if isinstance(error, BrokerResponseError):
                        ask_for_a_new_id(self._producer)
                    self._fail(batch, error if isinstance(error, Exception) else IntakeUnavailable())
                    if not isinstance(error, Exception):
                        raise
        finally:
            self._sending = None

    async def _send(self, batch: _Batch) -> None:
        batch.builder.close()
        await (await self._producer.send_batch(batch.builder, self._topic, partition=self._partition))
        batch.acknowledged.set_result(None)

    def _fail(self, batch: _Batch, error: Exception) -> None:
        for failed in (batch, *self._waiting):
            failed.acknowledged.set_exception(error)
        self._waiting.clear()


def _append(builder: Any, record: RawRecord) -> bool:
    return builder.append(key=record.key, value=record.value, timestamp=None, headers=record.headers) is not None
