"""Filling a topic before a measurement, the way our own producers write: compressed batches, a partition given."""

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from shared.contracts.envelope import Headers
from tests.support.stack import Servers

BATCH_RECORDS = 300


class Placed(NamedTuple):
    """A record and its partition."""

    partition: int
    key: bytes
    value: bytes
    headers: Headers


def create_producer(servers: Servers, **options: Any) -> AIOKafkaProducer:
    """A producer with the batch size and compression of our own."""
    return AIOKafkaProducer(
        bootstrap_servers=servers.kafka,
        compression_type="zstd",
        max_batch_size=1_048_576,
        max_request_size=1_114_112,
        acks="all",
        **options,
    )


async def preload(servers: Servers, topic: str, records: Iterable[Placed]) -> None:
    """Write records, acknowledged."""
    producer = create_producer(servers)
    await producer.start()
    try:
        await write(producer, servers.names.topic(topic), records)
    finally:
        await producer.stop()


async def write(producer: AIOKafkaProducer, name: str, records: Iterable[Placed]) -> None:
    """Write records in batches by partition, acknowledged; their order is kept within a partition."""
    builders: dict[int, Any] = {}
    sent: list[asyncio.Future[object]] = []
    for record in records:
        builder = builders.setdefault(record.partition, producer.create_batch())
        if builder.record_count() >= BATCH_RECORDS or not _appended(builder, record):
            sent.append(await producer.send_batch(builder, name, partition=record.partition))
            builders[record.partition] = builder = producer.create_batch()
            assert _appended(builder, record), "a record larger than a whole batch"
    for partition, builder in builders.items():
        sent.append(await producer.send_batch(builder, name, partition=partition))
    await asyncio.gather(*sent)


def _appended(builder: Any, record: Placed) -> bool:
    """False where the batch has no room for it, by bytes."""
    found = builder.append(key=record.key, value=record.value, timestamp=None, headers=record.headers)
    return found is not None
