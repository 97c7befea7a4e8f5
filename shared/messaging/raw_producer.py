"""The plain producer: receipts and commands enter Kafka here, acknowledged by all in-sync replicas, or not at all."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.contracts.envelope import Headers
from shared.contracts.topics import partition_for
from shared.messaging.names import Names

DEADLINE_S: Final = 3.0
_BREAK_S: Final = 1.0


class IntakeUnavailable(Exception):
    """Kafka did not take the record in time. It may still land; the receipt shows it."""


class RecordTooLarge(Exception):
    """A record that no batch can hold; nothing of the call was sent. Callers keep their records far below."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record to send as it is."""

    key: bytes
    value: bytes
    headers: Headers


class RawProducer:
    """Sends and waits for the acknowledgement, for a bounded time, with a bounded number of records in flight."""

    def __init__(
        self, producer: AIOKafkaProducer, names: Names, partitions: dict[str, int], *, in_flight: int = 20_000
    ) -> None:
        self._producer = producer
        self._names = names
        self._partitions = partitions
        self._free = in_flight
        self._broken_until = 0.0

    @property
    def usable(self) -> bool:
        """Whether the producer still works at all; a dead one means that the process must start again."""
        task = self._producer._sender.sender_task
        return task is not None and not task.done()

    @property
    def available(self) -> bool:
        """Whether the last try succeeded, or it is time for another one."""
        return self.usable and time.monotonic() >= self._broken_until

    async def send(self, topic: str, records: Sequence[RawRecord], *, deadline_s: float = DEADLINE_S) -> None:
        """Return when every record is acknowledged. Raises IntakeUnavailable otherwise, quickly."""
        if not self.available or len(records) > self._free:
            raise IntakeUnavailable
        self._free -= len(records)
        try:
            async with asyncio.timeout(deadline_s):
                await asyncio.gather(*await self._enqueue(topic, records))
        except (TimeoutError, KafkaError) as error:
            self._broken_until = time.monotonic() + _BREAK_S
            raise IntakeUnavailable from error
        finally:
            self._free += len(records)

    async def _enqueue(self, topic: str, records: Sequence[RawRecord]) -> list[Any]:
        name, count = self._names.topic(topic), self._partitions[topic]
        if len(records) == 1:
            record = records[0]
            partition = partition_for(record.key, count)
            return [
                await self._producer.send(
                    name, record.value, key=record.key, partition=partition, headers=record.headers
                )
            ]
        return [
            await self._producer.send_batch(builder, name, partition=partition)
            for partition, builders in self._built(records, count).items()
            for builder in builders
        ]

    def _built(self, records: Sequence[RawRecord], count: int) -> dict[int, list[Any]]:
        built: dict[int, list[Any]] = {}
        for record in records:
            partition = partition_for(record.key, count)
            builders = built.get(partition)
            if builders is None:
                builders = built[partition] = [self._producer.create_batch()]
            if not _append(builders[-1], record):
                builders.append(self._producer.create_batch())
                if not _append(builders[-1], record):
                    raise RecordTooLarge
        for builders in built.values():
            for builder in builders:
                builder.close()
        return built


def _append(builder: Any, record: RawRecord) -> bool:
    return builder.append(key=record.key, value=record.value, timestamp=None, headers=record.headers) is not None
