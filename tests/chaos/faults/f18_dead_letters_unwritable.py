"""F18: the dead-letter topic itself takes nothing: no offset moves past the record, loudly, until it does again."""

from collections.abc import Mapping
from typing import ClassVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts.topics import INBOUND, TOPICS, dead_letter_topic
from tests.chaos.fault import Fault, World
from tests.chaos.raw import behind
from tests.support.topics import produce

_TOPIC = dead_letter_topic("capture")
# A transaction's marker fits, so that what was aborted ends; a dead letter with its headers does not.
_MARKER_FITS = "200"
_HOLDS_S = 2.0


class DeadLettersUnwritable(Fault):
    name: ClassVar = "F18"
    title: ClassVar = "dead-letter topic takes nothing"
    promise: ClassVar = "P2"
    short: ClassVar = 1
    full: ClassVar = 5

    def must(self, amount: float) -> Mapping[str, float]:
        return {"waits MessageSizeTooLargeError": amount, "records waited": 50, "dead letters": amount}

    async def inject(self, world: World, amount: float) -> None:
        for n in range(int(amount)):
            await _configure(world, {**TOPICS[_TOPIC].settings(), "max.message.bytes": _MARKER_FITS})
            try:
                await self._unwritable(world, f"unwritable-{world.token}-{n}".encode())
            finally:
                await _configure(world, TOPICS[_TOPIC].settings())
            world.pipeline.allowed.dead_letters += 1

    async def _unwritable(self, world: World, name: bytes) -> None:
        headers = [("ce_source", b"partner"), ("ce_id", name), ("ce_type", b"lead.teleported")]
        await produce(world.servers, INBOUND, [(name, b"{}", headers)])
        await world.until(lambda: _waits(world), "capture says that it waits")
        before = await behind(world.servers, "capture", INBOUND)
        await world.wait(_HOLDS_S)
        waiting = await behind(world.servers, "capture", INBOUND)
        world.require(waiting >= before, "offsets moved past a record whose dead letter was not taken")
        world.count("records waited", waiting)


async def _waits(world: World) -> bool:
    health = await world.fleet.processes["capture"].health()
    return health is not None and any("MessageSizeTooLarge" in why for why in health["consumers"])


async def _configure(world: World, settings: Mapping[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=world.servers.kafka)
    await admin.start()
    try:
        name = world.servers.names.topic(_TOPIC)
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=dict(settings))])
    finally:
        await admin.close()


FAULTS = [DeadLettersUnwritable()]
