"""F01: kill -9 of each service in turn, at random instants."""

from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.topics import SERVICES
from tests.chaos.fault import Fault, World


class Kills(Fault):
    name: ClassVar = "F01"
    title: ClassVar = "kill -9 of each service in turn"
    promise: ClassVar = "P1-P3, P7"
    short: ClassVar = 20
    full: ClassVar = 200

    def must(self, amount: float) -> Mapping[str, float]:
        return {"kills": amount, "restarts": amount, "redelivered": 1}

    async def inject(self, world: World, amount: float) -> None:
        for n in range(int(amount)):
            await kill_one(world, SERVICES[n % len(SERVICES)])
            await world.wait(world.rng.uniform(2.0, 4.0) if world.full else world.rng.uniform(0.2, 1.0))


async def kill_one(world: World, victim: str) -> None:
    """kill -9, at whatever it is doing, of a service that has come back from its last kill."""
    await world.until(lambda: world.fleet.works(victim), f"{victim} is back", within=60)
    world.fleet.kill(victim)
    world.count("kills")


FAULTS = [Kills()]
