"""F22: every group's offsets set back to the beginning by a foreign tool; what was published stays as it was."""

from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.topics import CAPTURED, INBOUND, ROUTED, SCORED, SERVICES
from tests.chaos.fault import Fault, World
from tests.support.topics import reset_group

_READ = {
    "capture": (INBOUND,),
    "scoring": (CAPTURED,),
    "routing": (SCORED,),
    "conversion": (ROUTED,),
    "reporting": (CAPTURED, SCORED, ROUTED),
}


class OffsetsReset(Fault):
    name: ClassVar = "F22"
    title: ClassVar = "group offsets reset to the earliest, service by service"
    promise: ClassVar = "P3"
    short: ClassVar = 5
    full: ClassVar = 20

    def must(self, amount: float) -> Mapping[str, float]:
        return {"groups reset": amount, "records published before": 100 * amount}

    async def inject(self, world: World, amount: float) -> None:
        for n in range(int(amount)):
            service = SERVICES[n % len(SERVICES)]
            await world.fleet.stop(service)
            await reset_group(world.servers, service, _READ[service])
            world.fleet.launch(service)
            world.count("groups reset")
            await world.wait(1.0)


FAULTS = [OffsetsReset()]
