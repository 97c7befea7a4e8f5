"""F03: SIGTERM under load, service after service, as in a rolling restart; also while Kafka is down."""

from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.topics import SERVICES
from tests.chaos.fault import Fault, World

# The stop gives the broker's client 12 s, the publisher 5 s (`shared/runtime/service.py`), and HTTP answers its last.
LONGEST_S = 20.0


class Stops(Fault):
    name: ClassVar = "F03"
    title: ClassVar = "SIGTERM, rolling restart, once without Kafka"
    promise: ClassVar = "P3, P7"
    short: ClassVar = 1
    full: ClassVar = 20

    def must(self, amount: float) -> Mapping[str, float]:
        return {"stopped": len(SERVICES) * amount, "stopped without Kafka": 1}

    async def inject(self, world: World, amount: float) -> None:
        for _ in range(int(amount)):
            for name in SERVICES:
                await self._restart(world, name)
        await self._stop_without_kafka(world, world.rng.choice(SERVICES))

    async def _restart(self, world: World, name: str) -> None:
        await world.until(lambda: world.fleet.works(name), f"{name} works", within=60)
        code, seconds = await world.fleet.stop(name)
        world.require(seconds <= LONGEST_S, f"{name} took {seconds:.1f} s to stop")
        world.require(code == 0, f"{name} ended with {code} on SIGTERM")
        world.count("stopped")
        world.fleet.launch(name)

    async def _stop_without_kafka(self, world: World, name: str) -> None:
        await world.until(lambda: world.fleet.works(name), f"{name} works", within=60)
        world.line(name).kafka.cut()
        code, seconds = await world.fleet.stop(name)
        world.require(seconds <= LONGEST_S, f"{name} took {seconds:.1f} s to stop without Kafka")
        world.require(code in (0, 1), f"{name} ended with {code} on SIGTERM without Kafka")
        world.count("stopped without Kafka")
        world.line(name).kafka.mend()
        world.fleet.launch(name)


FAULTS = [Stops()]
