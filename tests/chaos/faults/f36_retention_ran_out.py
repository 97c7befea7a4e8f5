"""F36: records are gone before their group has read them, while it was away and while it was cut off: it says so."""

from collections.abc import Mapping
from typing import ClassVar

from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from shared.contracts.topics import CAPTURED, ROUTED, SCORED
from tests.chaos.crowd import cold_of, leads_of
from tests.chaos.fault import Fault, World
from tests.chaos.raw import behind, places_of

_METRIC = "records_gone_total"
# Who misses records, of which topic, and where its own come out.
_LANES = (("scoring", CAPTURED, SCORED), ("routing", SCORED, ROUTED))


class RetentionRanOut(Fault):
    name: ClassVar = "F36"
    title: ClassVar = "records deleted before they were read"
    promise: ClassVar = "P2"
    short: ClassVar = 20
    full: ClassVar = 500

    def must(self, amount: float) -> Mapping[str, float]:
        return {"offsets skipped": 2 * amount, "offsets told of": 2 * amount, "log records_gone": 2}

    async def inject(self, world: World, amount: float) -> None:
        self._victim, self._topic, self._out = world.rng.choice(_LANES)
        victim = self._victim
        await world.pipeline.feed.pause()
        await world.fleet.stop(victim)
        skipped = await self._deleted(world, f"gone-{world.token}", int(amount))
        world.fleet.launch(victim)
        await self._told(world, skipped, 0.0)
        already = await world.fleet.processes[victim].metric(_METRIC)
        world.line(victim).kafka.cut()
        skipped = await self._deleted(world, f"gone-again-{world.token}", int(amount), skipped)
        world.line(victim).kafka.mend()
        await self._told(world, skipped, already)
        await world.fleet.ready()
        await self._come_again(world, int(amount))
        world.pipeline.feed.flow()

    async def _deleted(self, world: World, name: str, people: int, before: int = 0) -> int:
        """Everybody else has read what these led to; then it is gone. How many offsets that are beyond `before`, which
        went earlier, and nothing was committed since."""
        for person in range(people):
            world.pipeline.feed.send(cold_of(name, person))
        await leads_of(world, [f"{name}-{person}" for person in range(people)], self._topic)

        async def reported() -> bool:
            return await behind(world.servers, "reporting", self._topic) <= world.servers.spine_partitions

        await world.until(reported, "reporting has read what is to be deleted")
        skipped = await behind(world.servers, self._victim, self._topic) - before
        world.count("offsets skipped", skipped)
        admin = AIOKafkaAdminClient(bootstrap_servers=world.servers.kafka)
        await admin.start()
        try:
            await admin.delete_records(
                {tp: RecordsToDelete(before_offset=-1) for tp in places_of(world.servers, self._topic)}
            )
        finally:
            await admin.close()
        return skipped

    async def _told(self, world: World, skipped: int, already: float) -> None:
        victim = world.fleet.processes[self._victim]
        slack = 2 * world.servers.spine_partitions  # markers of transactions

        async def told() -> bool:
            return await victim.metric(_METRIC) - already >= skipped - slack

        await world.until(told, f"{self._victim} tells of {skipped} offsets that are gone")
        await world.until(world.fleet.caught_up, f"{self._victim} goes on")
        said = int(await victim.metric(_METRIC) - already)
        world.count("offsets told of", said)
        warnings = (await victim.health() or {}).get("warnings", [])
        world.require(any(f"of {self._topic} were deleted" in each for each in warnings), "`doctor` is not told")
        world.require(said <= skipped + slack, f"{said} offsets told of, {skipped} were skipped")

    async def _come_again(self, world: World, people: int) -> None:
        """Their next events bring these leads through."""
        for name in (f"gone-{world.token}", f"gone-again-{world.token}"):
            for person in range(people):
                world.pipeline.feed.send(cold_of(name, person, 1))
            await leads_of(world, [f"{name}-{person}" for person in range(people)], self._out)


FAULTS = [RetentionRanOut()]
