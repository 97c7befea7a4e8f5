"""F35: a service that finds a topic missing, or of another number of partitions, refuses to start and says which; one that
runs when partitions are added tells, and goes on in those that it began with."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from shared.contracts.topics import SCORED, SERVICES
from tests.chaos.fault import Fault, World
from tests.support.process import ServiceProcess


class WrongTopics(Fault):
    name: ClassVar = "F35"
    title: ClassVar = "topic missing; another number of partitions"
    promise: ClassVar = "P4, P7"
    short: ClassVar = 1
    full: ClassVar = 5
    leaves_damage: ClassVar = True  # no topic loses partitions again

    def must(self, amount: float) -> Mapping[str, float]:
        services = 1 if amount == self.short else len(SERVICES)
        return {
            "refused for a missing topic": services,
            "refused for its partitions": services + 1,
            "told while running": 2,
        }

    def must_not(self, amount: float) -> tuple[str, ...]:
        return (*super().must_not(amount), "batches dropped", "fenced")

    async def inject(self, world: World, amount: float) -> None:
        services = SERVICES if world.full else (world.rng.choice(("scoring", "routing")),)
        wrong = str(world.servers.spine_partitions + 1)
        for service in services:
            said = await self._refusal(world, service, LEADSTREAM_TOPIC_PREFIX="nobody.")
            topic = f"nobody.{SCORED if service in ('scoring', 'routing') else f'{service}.dead-letters.v1'}"
            world.require("topics missing" in said and topic in said, f"{service} does not name the missing topic")
            world.count("refused for a missing topic")
            said = await self._refusal(world, service, LEADSTREAM_SPINE_PARTITIONS=wrong)
            world.require(f"partitions, not {wrong}" in said, f"{service} does not name the partitions")
            world.count("refused for its partitions")
        await self._added(world)

    async def _added(self, world: World) -> None:
        """Partitions that somebody adds under load: who writes and who reads the topic tells; nobody may start."""
        there = world.servers.spine_partitions
        admin = AIOKafkaAdminClient(bootstrap_servers=world.servers.kafka)
        await admin.start()
        try:
            await admin.create_partitions({world.servers.names.topic(SCORED): NewPartitions(there + 2)})
        finally:
            await admin.close()
        for service in ("scoring", "routing"):
            await world.until(lambda service=service: _warns(world, service, f"not {there}"), f"{service} tells", 40)  # type: ignore[misc]
            world.count("told while running")
        said = await self._refusal(world, "routing")
        world.require(f"has {there + 2} partitions, not {there}" in said, "routing does not name the partitions")
        world.count("refused for its partitions")

    async def _refusal(self, world: World, service: str, **env: str) -> str:
        """What a replica with these settings says before it ends by itself."""
        settings = {
            **world.ground.line_environment(world.servers, "guest"),
            "LEADSTREAM_SECRET": "a secret of the faults",
            **env,
        }
        with tempfile.TemporaryDirectory(prefix="leadstream-chaos-refused-") as folder:
            log = Path(folder) / "log"
            async with ServiceProcess(f"services.{service}.main", settings, log, replica=9).start() as process:

                async def ended() -> bool:
                    return not process.running

                await world.until(ended, f"{service} refuses to start", 40)
                code = process.stop()
            world.require(code == 1, f"{service} ended with {code}")
            return log.read_text()


async def _warns(world: World, service: str, of: str) -> bool:
    health = await world.fleet.processes[service].health() or {}
    return any(of in warning for warning in health.get("warnings", ()))


FAULTS = [WrongTopics()]
