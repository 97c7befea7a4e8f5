"""F39: producers that cannot go on: acknowledgements never come, and somebody else takes a transactional id."""

from collections.abc import Mapping
from typing import ClassVar

from aiokafka import AIOKafkaProducer

from shared.contracts.topics import SERVICES
from tests.chaos.fault import Fault, World

_BACK_WITHIN_S = 30.0


class WedgedProducers(Fault):
    name: ClassVar = "F39"
    title: ClassVar = "produce acknowledgements withheld; transactional ids taken"
    promise: ClassVar = "P1"
    short: ClassVar = 12
    full: ClassVar = 40

    def must(self, amount: float) -> Mapping[str, float]:
        return {"withheld s": amount, "ids taken": 3, "fenced": 1, "restarts": 1}

    async def inject(self, world: World, amount: float) -> None:
        for name in ("routing", "conversion", "reporting"):
            await self._take_id(world, name)
        await self._withhold(world, amount)
        await world.fleet.ready(_BACK_WITHIN_S)

    async def _take_id(self, world: World, name: str) -> None:
        """Another producer with the service's id: its epoch is the younger one, the service's producer is dead."""
        transactional_id = f"{world.servers.names.group(name)}-0"
        thief = AIOKafkaProducer(bootstrap_servers=world.servers.kafka, transactional_id=transactional_id)
        await thief.start()
        await thief.stop()
        world.count("ids taken")

    async def _withhold(self, world: World, seconds: float) -> None:
        for name in SERVICES:
            world.line(name).kafka.hang(there=False, back=True)
        await world.wait(seconds)
        for name in SERVICES:
            world.line(name).kafka.drop()
            world.line(name).kafka.mend()
        world.count("withheld s", int(seconds))


FAULTS = [WedgedProducers()]
