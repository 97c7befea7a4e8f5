"""Topics as a tool of a fault's own sees them: ends, committed offsets, records from a place on, copies of records."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.envelope import Headers
from shared.contracts.topics import TOPICS
from tests.support.stack import Servers

Copy = tuple[bytes, bytes, Headers]


@asynccontextmanager
async def _consumer(servers: Servers, group: str | None = None) -> AsyncIterator[Any]:
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=servers.kafka,
        group_id=group,
        enable_auto_commit=False,
        isolation_level="read_committed",
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=4_194_304,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


def places_of(servers: Servers, topic: str) -> list[TopicPartition]:
    """The partitions of a topic of the register."""
    count = TOPICS[topic].partition_count(servers.spine_partitions)
    return [TopicPartition(servers.names.topic(topic), partition) for partition in range(count)]


async def ends_of(servers: Servers, topic: str) -> dict[TopicPartition, int]:
    """The offsets at which the next records will stand."""
    async with _consumer(servers) as consumer:
        found: dict[TopicPartition, int] = await consumer.end_offsets(places_of(servers, topic))
        return found


async def behind(servers: Servers, group: str, topic: str) -> int:
    """Offsets between what a group has committed and the ends."""
    places = places_of(servers, topic)
    async with _consumer(servers, servers.names.group(group)) as consumer:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        return sum([ends[tp] - (await consumer.committed(tp) or 0) for tp in places])


async def records_from(servers: Servers, starts: Mapping[TopicPartition, int]) -> list[Any]:
    """Committed records from these offsets to the ends as they are now."""
    found: list[Any] = []
    async with _consumer(servers) as consumer:
        consumer.assign(list(starts))
        for tp, start in starts.items():
            consumer.seek(tp, start)
        ends = await consumer.end_offsets(list(starts))
        open_places = {tp for tp in starts if ends[tp] > starts[tp]}
        while open_places:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(records)
            open_places = {tp for tp in open_places if await consumer.position(tp) < ends[tp]}
    return found


async def newest(servers: Servers, topic: str, n: int = 50) -> list[Any]:
    """Some of the last records of a topic."""
    ends = await ends_of(servers, topic)
    return await records_from(servers, {tp: max(0, end - n) for tp, end in ends.items()})


def copy_of(record: Any, lead_id: str, replaced: Sequence[tuple[bytes, bytes]] = ()) -> Copy:
    """The same event of another lead: new event id, new key, the old lead's id replaced wherever it stands."""
    old = (record.key or b"").decode()
    value = record.value.replace(old.encode(), lead_id.encode())
    for before, after in replaced:
        value = value.replace(before, after)
    own = {"ce_id": str(uuid4()).encode(), "ce_subject": lead_id.encode()}
    headers = [(name, own.get(name, held)) for name, held in record.headers]
    return lead_id.encode(), value, headers
