"""Records read again from their topics by their coordinates, for as long as Kafka keeps them."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.messaging import admin
from shared.messaging.names import Names

DEADLINE_S: Final = 10.0
_FETCH_WAIT_MS: Final = 100


class Coordinates(NamedTuple):
    """Where a record stands; a topic that was made anew has another id."""

    topic_id: str
    partition: int
    offset: int


class Reread(NamedTuple):
    """A record as it came, and the topic, by its register name, that has it."""

    topic: str
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class NotReadAgain(Exception):
    """Kafka does not answer, or not in time."""


async def read_again(
    bootstrap: str, names: Names, topics: Iterable[str], wanted: Iterable[Coordinates]
) -> dict[Coordinates, Reread]:
    """Those of the wanted records that these topics still hold. Raises NotReadAgain where Kafka does not say."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await _find(bootstrap, names, topics, wanted)
    except (KafkaError, OSError, TimeoutError) as error:
        raise NotReadAgain from error


async def _find(
    bootstrap: str, names: Names, topics: Iterable[str], wanted: Iterable[Coordinates]
) -> dict[Coordinates, Reread]:
    found = await admin.describe(bootstrap, names, topics)
    topic_of = {topic.topic_id: name for name, topic in found.items()}
    places: dict[TopicPartition, list[Coordinates]] = {}
    for each in sorted(set(wanted)):
        topic = topic_of.get(each.topic_id)
        if topic is not None and each.partition < found[topic].partitions:
            places.setdefault(TopicPartition(names.topic(topic), each.partition), []).append(each)
    return await _read(bootstrap, places, topic_of) if places else {}


async def _read(
    bootstrap: str, places: dict[TopicPartition, list[Coordinates]], topic_of: dict[str, str]
) -> dict[Coordinates, Reread]:
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=_FETCH_WAIT_MS
    )
    await consumer.start()
    try:
        consumer.assign(list(places))
        first, end = await consumer.beginning_offsets(list(places)), await consumer.end_offsets(list(places))
        kept = [(tp, each) for tp, all_of in places.items() for each in all_of if first[tp] <= each.offset < end[tp]]
        found = [(each, await _one(consumer, tp, each.offset)) for tp, each in kept]
    finally:
        await consumer.stop()
    return {
        each: Reread(topic_of[each.topic_id], raw.timestamp or 0, raw.key, raw.value, _plain(raw.headers))
        for each, raw in found
        if raw.offset == each.offset
    }


async def _one(consumer: Any, place: TopicPartition, offset: int) -> Any:
    """The record at an offset, or the first one after it where that offset holds none."""
    consumer.seek(place, offset)
    while True:
        for records in (await consumer.getmany(place, timeout_ms=1000, max_records=1)).values():
            return records[0]


def _plain(headers: Iterable[tuple[str, bytes | None]]) -> list[tuple[str, bytes]]:
    return [(name, value) for name, value in headers if value is not None]
