"""After a restore: a service's Kafka offsets go back to where its database ends."""

from collections import defaultdict

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from shared.messaging import admin
from shared.persistence.database import role_of
from shared.runtime.settings import ServiceSettings


class StillRunning(Exception):
    """A group with members cannot be moved."""


async def rewind_to_database(settings: ServiceSettings, service: str) -> int:
    """Commit `stored_to` for every partition whose committed offset is beyond it; returns how many were moved.

    What the lost database had published goes out again, with the same event ids.
    """
    moved = 0
    for group, marks in (await _marks(settings, service)).items():
        await _refuse_members(settings, group)
        found = await admin.describe(settings.kafka_bootstrap, settings.names, {topic for topic, _, _, _ in marks})
        wanted = {
            TopicPartition(settings.names.topic(topic), partition): stored
            for topic, topic_id, partition, stored in marks
            if topic in found and found[topic].topic_id == topic_id
        }
        moved += await _move(settings, group, wanted)
    return moved


async def _marks(settings: ServiceSettings, service: str) -> dict[str, list[tuple[str, str, int, int]]]:
    connection = await asyncpg.connect(
        settings.postgres_dsn.get_secret_value(),
        timeout=5,
        server_settings={"search_path": service, "role": role_of(service)},
    )
    try:
        rows = await connection.fetch("SELECT group_id, topic, topic_id::text, partition, stored_to FROM marks")
    finally:
        await connection.close()
    by_group = defaultdict(list)
    for row in rows:
        by_group[row["group_id"]].append((row["topic"], row["topic_id"], row["partition"], row["stored_to"]))
    return by_group


async def _refuse_members(settings: ServiceSettings, group: str) -> None:
    client = AIOKafkaAdminClient(bootstrap_servers=settings.kafka_bootstrap)
    await client.start()
    try:
        for response in await client.describe_consumer_groups([group]):
            for _code, _name, state, *_rest in response.groups:
                if state not in ("Empty", "Dead"):
                    raise StillRunning(f"group {group} is {state}: stop the service first")
    finally:
        await client.close()


async def _move(settings: ServiceSettings, group: str, wanted: dict[TopicPartition, int]) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign(list(wanted))
        committed = {tp: await consumer.committed(tp) for tp in wanted}
        back = {tp: OffsetAndMetadata(end, "") for tp, end in wanted.items() if (committed[tp] or 0) > end}
        if back:
            await consumer.commit(back)
        return len(back)
    finally:
        await consumer.stop()
