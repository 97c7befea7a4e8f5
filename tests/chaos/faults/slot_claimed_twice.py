"""Two processes that claim one slot: the second gets another, and one that lost its slot ends instead of fencing."""

from collections.abc import Mapping
from typing import ClassVar

from tests.chaos.fault import Fault, World

_HOLDERS = "SELECT slot, holder FROM scoring.slots ORDER BY slot"
_END_SLOT_SESSION = """
    SELECT pg_terminate_backend(pid) AS ended FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'leadstream-scoring-slot'
"""
_TOGETHER_S = 3.0


class SlotClaimedTwice(Fault):
    name: ClassVar = "SLOT"
    title: ClassVar = "two processes claim one slot; a slot is lost to another"
    promise: ClassVar = "P3"
    short: ClassVar = 1
    full: ClassVar = 10

    def must(self, amount: float) -> Mapping[str, float]:
        return {"claimed twice": amount, "slots lost": amount, "restarts": amount}

    async def inject(self, world: World, amount: float) -> None:
        for _ in range(int(amount)):
            await self._side_by_side(world)
            await self._lost(world)
            await self.recover(world)
            await world.fleet.ready()

    async def _side_by_side(self, world: World) -> None:
        """Both want slot 0; nobody is fenced, both work."""
        restarts = world.fleet.restarts
        world.fleet.launch("scoring-1", line="guest", LEADSTREAM_REPLICA="0")
        await world.fleet.processes["scoring-1"].ready()
        rows = await world.sql(_HOLDERS)
        held = {str(row["holder"]).partition(",")[0]: row["slot"] for row in rows}
        pids = [f"pid {world.fleet.processes[name].pid}" for name in ("scoring", "scoring-1")]
        slots = [held.get(pid) for pid in pids]
        world.require(None not in slots and len(set(slots)) == 2, f"slots of two processes: {slots}")
        await world.wait(_TOGETHER_S)
        world.require(world.fleet.restarts == restarts, "two processes fenced each other")
        world.count("claimed twice")
        await world.fleet.release("scoring-1")

    async def _lost(self, world: World) -> None:
        """The holder stands still, its lease ends, another takes the slot; awake again, it must go."""
        starts = world.fleet.starts["scoring"]
        world.fleet.freeze("scoring")
        await world.sql(_END_SLOT_SESSION)
        world.fleet.launch("scoring-1", line="guest", LEADSTREAM_REPLICA="0")
        await world.fleet.processes["scoring-1"].ready()
        world.fleet.thaw("scoring")

        async def started_again() -> bool:
            return world.fleet.starts["scoring"] > starts

        await world.until(started_again, "the process that lost its slot ends and starts again", 40)
        world.count("slots lost")

    async def recover(self, world: World) -> None:
        world.fleet.thaw("scoring")
        if "scoring-1" in world.fleet.members:
            await world.fleet.release("scoring-1")


FAULTS = [SlotClaimedTwice()]
