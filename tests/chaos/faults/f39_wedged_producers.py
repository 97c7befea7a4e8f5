"""F39: producers that cannot go on: acknowledgements never come, somebody else takes a transactional id, or the broker
has forgotten whom nobody heard of for a while."""

from collections.abc import Awaitable, Mapping
from typing import ClassVar

from aiokafka import AIOKafkaProducer

from shared.contracts.topics import SERVICES
from tests.chaos.fault import Fault, World

_BACK_WITHIN_S = 30.0
# A broker remembers a transactional id for a week, an idempotent producer for a day; here for a second.
_FORGETFUL = {
    "transactional_id_expiration_ms": "1000",
    "transaction_remove_expired_transaction_cleanup_interval_ms": "300",
    "producer_id_expiration_ms": "1000",
    "producer_id_expiration_check_interval_ms": "300",
}
_FORGOTTEN_AFTER_S = 4.0


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


class ForgottenProducers(Fault):
    name: ClassVar = "F39"
    title: ClassVar = "broker has forgotten the producers while they were idle"
    promise: ClassVar = "P1, P3"
    short: ClassVar = 2
    full: ClassVar = 20

    def must(self, amount: float) -> Mapping[str, float]:
        return {"log producer_renewed": len(SERVICES) * amount, "idle": amount}

    async def inject(self, world: World, amount: float) -> None:
        await world.pipeline.feed.pause()
        await world.ground.restart_kafka(**_FORGETFUL)
        await world.fleet.ready()
        restarts = world.fleet.restarts
        for _ in range(int(amount)):
            await self._idle(world)
        world.require(world.fleet.restarts == restarts, "a service had to start again")

    async def _idle(self, world: World) -> None:
        """Load, then none until all are forgotten, then load."""
        feed = world.pipeline.feed
        feed.flow()
        await world.wait(1.0)
        await feed.pause()
        await world.until(lambda: _true(world.fleet.caught_up()), "all have caught up", _BACK_WITHIN_S)
        await world.wait(_FORGOTTEN_AFTER_S)
        world.count("idle")
        feed.flow()
        await world.wait(2.0)
        await world.fleet.ready(_BACK_WITHIN_S)

    async def recover(self, world: World) -> None:
        await world.ground.restart_kafka()


async def _true(asked: Awaitable[bool]) -> bool | None:
    return await asked or None


FAULTS = [WedgedProducers(), ForgottenProducers()]
