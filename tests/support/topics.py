"""Writing to topics and reading them to their end, as a foreign producer and a downstream consumer would."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from shared.contracts import ids
from shared.contracts.envelope import Envelope, Headers
from tests.support.stack import Servers


async def produce(
    servers: Servers,
    topic: str,
    records: Sequence[tuple[bytes | None, bytes | None, Headers]],
    *,
    partition: int | None = None,
) -> None:
    """Send records (key, value, headers) in order, acknowledged."""
    producer = AIOKafkaProducer(bootstrap_servers=servers.kafka, linger_ms=5, max_batch_size=1 << 20, acks="all")
    await producer.start()
    try:
        name = servers.names.topic(topic)
        futures = [
            await producer.send(name, value, key=key, headers=headers, partition=partition)
            for key, value, headers in records
        ]
        await asyncio.gather(*futures)
    finally:
        await producer.stop()


def envelope(event_type: str, n: int | str, subject: str, *, source: str = "test") -> Headers:
    """Headers of the n-th event of a test."""
    event_id = ids.root_event_id(source, f"{event_type}/{n}")
    return Envelope(event_id, event_type, source, subject, "2026-01-05T10:00:00.000000Z").headers()


async def read_to_end(
    servers: Servers, topic: str, *, committed: bool = True
) -> list["ConsumerRecord[bytes | None, bytes | None]"]:
    """Everything of a topic from offset 0 to its end as it is now. `committed`: as a read_committed reader sees it."""
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=servers.kafka,
        isolation_level="read_committed" if committed else "read_uncommitted",
        enable_auto_commit=False,
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    try:
        name = servers.names.topic(topic)
        places = [
            TopicPartition(name, p) for p in sorted(consumer.partitions_for_topic(name) or await _known(consumer, name))
        ]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        return await _read(consumer, ends)
    finally:
        await consumer.stop()


async def _known(consumer: Any, name: str) -> set[int]:
    await consumer._client.force_metadata_update()
    consumer._client.add_topic(name)
    await consumer._client.force_metadata_update()
    return set(consumer.partitions_for_topic(name) or ())


async def _read(consumer: Any, ends: dict[TopicPartition, int]) -> list[Any]:
    found: list[Any] = []
    open_places = {tp for tp, end in ends.items() if end > 0}
    empty = 0
    while open_places and empty < 30:
        batch = await consumer.getmany(timeout_ms=200)
        empty = 0 if batch else empty + 1
        for records in batch.values():
            found.extend(records)
        for tp in list(open_places):
            if await consumer.position(tp) >= ends[tp]:
                open_places.discard(tp)
    return found


async def reset_group(servers: Servers, group: str, topics: Sequence[str], offset: int = 0) -> None:
    """Set a stopped group's offsets, as a foreign tool would."""
    from aiokafka.structs import OffsetAndMetadata

    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=servers.kafka, group_id=servers.names.group(group), enable_auto_commit=False
    )
    await consumer.start()
    try:
        places = []
        for topic in topics:
            name = servers.names.topic(topic)
            known = consumer.partitions_for_topic(name) or await _known(consumer, name)
            places += [TopicPartition(name, p) for p in known]
        consumer.assign(places)
        await consumer.commit({tp: OffsetAndMetadata(offset, "") for tp in places})
    finally:
        await consumer.stop()
