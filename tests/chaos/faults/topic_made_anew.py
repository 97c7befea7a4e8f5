"""A topic deleted and created again under its name: to the services it is another one, and nothing in it is skipped."""

from collections.abc import Mapping
from typing import ClassVar

from aiokafka.admin import AIOKafkaAdminClient

from shared.contracts.topics import ROUTED, SCORED
from shared.messaging import admin as topics
from tests.chaos.crowd import cold_of, leads_of
from tests.chaos.fault import Fault, World
from tests.chaos.raw import places_of


class TopicMadeAnew(Fault):
    name: ClassVar = "TOPIC"
    title: ClassVar = "topic deleted and created again"
    promise: ClassVar = "P2, P3"
    short: ClassVar = 100
    full: ClassVar = 5000
    leaves_damage: ClassVar = True

    def must(self, amount: float) -> Mapping[str, float]:
        return {"topics made anew": 1, "restarts": 2, "routed after it": amount}

    async def inject(self, world: World, amount: float) -> None:
        await world.pipeline.feed.pause()
        await world.until(world.fleet.caught_up, "all is quiet before the topic goes")
        reader = world.pipeline.reader
        await reader.catch_up()
        await self._make_anew(world)
        places = places_of(world.servers, SCORED)
        for consumer in (reader._committed, reader._every):
            await consumer.seek_to_beginning(*places)
        name = f"anew-{world.token}"
        for person in range(int(amount)):
            world.pipeline.feed.send(cold_of(name, person))
        await leads_of(world, [f"{name}-{person}" for person in range(int(amount))], ROUTED)
        world.count("routed after it", int(amount))
        world.pipeline.feed.flow()

    async def _make_anew(self, world: World) -> None:
        servers = world.servers
        client = AIOKafkaAdminClient(bootstrap_servers=servers.kafka)
        await client.start()
        try:
            await client.delete_topics([servers.names.topic(SCORED)])
        finally:
            await client.close()

        async def gone() -> bool:
            return not await topics.describe(servers.kafka, servers.names, [SCORED])

        await world.until(gone, "the topic is gone")
        await topics.apply(servers.kafka, servers.names, replication=1, min_insync=1)
        await topics.wait_until_described(servers.kafka, servers.names, [SCORED])
        world.count("topics made anew")


FAULTS = [TopicMadeAnew()]
