"""Topics of the cluster: create what the register names, check what is there, learn topic ids."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.contracts.topics import TOPICS
from shared.messaging.names import Names
from shared.messaging.protocol import TopicIdsRequest


@dataclass(frozen=True, slots=True)
class TopicFound:
    """A topic as the cluster has it."""

    topic_id: str
    partitions: int


class TopicMismatch(Exception):
    """The cluster's topics are not the register's; the message says which and what to do."""


async def describe(bootstrap: str, names: Names, topics: Iterable[str]) -> dict[str, TopicFound]:
    """The named topics as they are in the cluster, by their register name; absent ones are left out."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap, client_id="leadstream-describe")
    await client.bootstrap()
    try:
        wanted = [names.topic(topic) for topic in topics]
        response = await client.send(client.get_random_node(), TopicIdsRequest(wanted))
    finally:
        await client.close()
    return {
        names.logical(name): TopicFound(str(topic_id), len(partitions))
        for code, name, topic_id, _internal, partitions, _operations, _tags in response.topics
        if code == 0
    }


def check(found: Mapping[str, TopicFound], wanted: Iterable[str], names: Names) -> None:
    """Refuse a cluster whose topics are missing or have another number of partitions than the register says."""
    missing = sorted(names.topic(name) for name in wanted if name not in found)
    if missing:
        raise TopicMismatch(f"topics missing: {', '.join(missing)}; run `leadstream topics apply`")
    wrong = [
        f"{names.topic(name)} has {found[name].partitions} partitions, not {expected}"
        for name in wanted
        if found[name].partitions != (expected := TOPICS[name].partition_count(names.spine_partitions))
    ]
    if wrong:
        raise TopicMismatch(
            f"{'; '.join(wrong)}. Partitions are fixed at creation: set LEADSTREAM_SPINE_PARTITIONS to what is there"
        )


async def apply(bootstrap: str, names: Names, *, replication: int, min_insync: int) -> list[str]:
    """Create the topics that are missing; returns their names. Existing ones are left as they are."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="leadstream-topics")
    await admin.start()
    try:
        there = set(await admin.list_topics())
        missing = [topic for topic in TOPICS.values() if names.topic(topic.name) not in there]
        new = [
            NewTopic(
                names.topic(topic.name),
                topic.partition_count(names.spine_partitions),
                replication,
                topic_configs={**topic.settings(), "min.insync.replicas": str(min_insync)},
            )
            for topic in missing
        ]
        if new:
            response = await admin.create_topics(new)
            _raise_for(response)
        return [names.topic(topic.name) for topic in missing]
    finally:
        await admin.close()


def _raise_for(response: object) -> None:
    for entry in response.topic_errors:  # type: ignore[attr-defined]
        name, code, *rest = entry
        error = for_code(code)
        if code != 0 and error is not TopicAlreadyExistsError:
            raise KafkaError(f"could not create {name}: {error.__name__} {rest[0] if rest else ''}")


async def wait_until_described(bootstrap: str, names: Names, topics: Iterable[str], *, tries: int = 50) -> None:
    """Wait until the cluster answers for every topic: creation is not instant."""
    wanted = list(topics)
    for _ in range(tries):
        if len(await describe(bootstrap, names, wanted)) == len(wanted):
            return
        await asyncio.sleep(0.1)
    raise TopicMismatch("topics were created but the cluster does not tell of them")
