"""F02: the process ends at the worst points: in mid-transaction of either store, and between the two commits."""

from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.topics import SERVICES
from tests.chaos.fault import Fault, World

# Between two writes to Postgres, after its commit, after producing, before and after Kafka's commit.
POINTS = ("in-store", "after-store", "after-produce", "before-end-transaction", "after-commit")


class Crashes(Fault):
    name: ClassVar = "F02"
    title: ClassVar = "kill at five named points of a batch"
    promise: ClassVar = "P3"
    short: ClassVar = 5
    full: ClassVar = 50

    def must(self, amount: float) -> Mapping[str, float]:
        return {"crashes": amount, "restarts": amount, "redelivered": 1, "aborted records": 1}

    async def inject(self, world: World, amount: float) -> None:
        victims = list(SERVICES)
        world.rng.shuffle(victims)
        for n in range(int(amount)):
            await self._crash(world, victims[n % len(victims)], POINTS[(n + n // len(POINTS)) % len(POINTS)])

    async def _crash(self, world: World, victim: str, point: str) -> None:
        await world.until(lambda: world.fleet.works(victim), f"{victim} is back", within=60)
        restarts = world.fleet.starts[victim]
        world.fleet.arm(victim, f"{point}=exit:{world.rng.randint(1, 4)}")

        async def crashed() -> bool:
            return world.fleet.starts[victim] > restarts

        await world.until(crashed, f"{victim} comes to {point}", within=40)
        world.count("crashes")


FAULTS = [Crashes()]
