"""F36: records are gone before their group has read them, while it was away and while it was cut off: it says so."""

from collections.abc import Mapping
from typing import ClassVar

from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from shared.contracts.topics import ROUTED, SCORED
from tests.chaos.crowd import cold_of, leads_of
from tests.chaos.fault import Fault, World
from tests.chaos.raw import behind, places_of

_METRIC = "records_gone_total"


class RetentionRanOut(Fault):
    name: ClassVar = "F36"
    title: ClassVar = "records deleted before they were read"
    promise: ClassVar = "P2"
    short: ClassVar = 20
    full: ClassVar = 500

    def must(self, amount: float) -> Mapping[str, float]:
        return {"offsets skipped": 2 * amount, "offsets told of": 2 * amount, "log records_gone": 2}

    async def inject(self, world: World, amount: float) -> None:
        await world.pipeline.feed.pause()
        await world.fleet.stop("routing")
        skipped = await self._deleted(world, f"gone-{world.token}", int(amount))
        world.fleet.launch("routing")
        await self._told(world, skipped, 0.0)
        already = await world.fleet.processes["routing"].metric(_METRIC)
        world.line("routing").kafka.cut()
        skipped = await self._deleted(world, f"gone-again-{world.token}", int(amount), skipped)
        world.line("routing").kafka.mend()
        await self._told(world, skipped, already)
        await world.fleet.ready()
        await self._come_again(world, int(amount))
        world.pipeline.feed.flow()

    async def _deleted(self, world: World, name: str, people: int, before: int = 0) -> int:
        """Everybody else has read what these led to; then it is gone. How many offsets that are beyond `before`, which
        went earlier, and nothing was committed since."""
        for person in range(people):
            world.pipeline.feed.send(cold_of(name, person))
        await leads_of(world, [f"{name}-{person}" for person in range(people)], SCORED)

        async def reported() -> bool:
            return await behind(world.servers, "reporting", SCORED) <= world.servers.spine_partitions

        await world.until(reported, "reporting has read what is to be deleted")
        skipped = await behind(world.servers, "routing", SCORED) - before
        world.count("offsets skipped", skipped)
        admin = AIOKafkaAdminClient(bootstrap_servers=world.servers.kafka)
        await admin.start()
        try:
            await admin.delete_records(
                {tp: RecordsToDelete(before_offset=-1) for tp in places_of(world.servers, SCORED)}
            )
        finally:
            await admin.close()
        return skipped

    async def _told(self, world: World, skipped: int, already: float) -> None:
        routing = world.fleet.processes["routing"]
        slack = 2 * world.servers.spine_partitions  # markers of transactions

        async def told() -> bool:
            return await routing.metric(_METRIC) - already >= skipped - slack

        await world.until(told, f"routing tells of {skipped} offsets that are gone")
        await world.until(world.fleet.caught_up, "routing goes on")
        said = int(await routing.metric(_METRIC) - already)
        world.count("offsets told of", said)
        world.require(said <= skipped + slack, f"{said} offsets told of, {skipped} were skipped")

    async def _come_again(self, world: World, people: int) -> None:
        """Their next events bring these leads through."""
        for name in (f"gone-{world.token}", f"gone-again-{world.token}"):
            for person in range(people):
                world.pipeline.feed.send(cold_of(name, person, 1))
            await leads_of(world, [f"{name}-{person}" for person in range(people)], ROUTED)


FAULTS = [RetentionRanOut()]
