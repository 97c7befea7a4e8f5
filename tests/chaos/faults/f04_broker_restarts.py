"""F04: the broker restarts, cleanly and by kill -9. Services resume by themselves."""

from collections.abc import Mapping
from typing import ClassVar

from tests.chaos.fault import Fault, World

_BACK_WITHIN_S = 60.0


class BrokerRestarts(Fault):
    name: ClassVar = "F04"
    title: ClassVar = "broker restarted, in turn clean and by kill -9"
    promise: ClassVar = "P1, P7"
    short: ClassVar = 2
    full: ClassVar = 10

    def must(self, amount: float) -> Mapping[str, float]:
        return {"killed": (amount + 1) // 2, "stopped": amount // 2}

    async def inject(self, world: World, amount: float) -> None:
        for n in range(int(amount)):
            if n % 2:
                await world.ground.stop("kafka")
                world.count("stopped")
            else:
                await world.ground.kill("kafka")
                world.count("killed")
            await world.ground.start("kafka")
            await world.fleet.ready(_BACK_WITHIN_S)
            await world.wait(2.0)


FAULTS = [BrokerRestarts()]
