"""F19, the part in Kafka: records at and over every limit, and leads that outgrow a record only after enrichment."""

import random
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from shared.contracts.topics import INBOUND
from tests.chaos.fault import Fault, World

# Capture reads a submission up to this size (`services/capture/domain/reading.py`); the topic takes records up to 1.5 MiB.
_BODY_LIMIT = 262_144
_TOPIC_LIMIT = 1_572_864
_SIZES = (_BODY_LIMIT - 1, _BODY_LIMIT, _BODY_LIMIT + 1, 900_001, 1_048_577, _TOPIC_LIMIT - 2_000)
# An event holds a million bytes (`shared/messaging/transaction.py`): four parts of a lead come to about that.
_PARTS, _PART_BYTES, _STEP_BYTES = 4, 249_950, 300
# A stage takes a batch with such a record apart, and tries the record three times.
_QUIET_S = 3.0


class Oversized(Fault):
    name: ClassVar = "F19"
    title: ClassVar = "oversized records, and leads that grow past the limit"
    promise: ClassVar = "P2"
    short: ClassVar = 8
    full: ClassVar = 40

    def must(self, amount: float) -> Mapping[str, float]:
        return {
            "big records": len(_SIZES) + _PARTS * amount,
            "refused by the broker": 1,
            "capture output_too_large": 1,
            "dead letters": 2,
        }

    async def inject(self, world: World, amount: float) -> None:
        self._before = Counter((await world.pipeline.reader.catch_up()).dead)
        producer = AIOKafkaProducer(bootstrap_servers=world.servers.kafka, max_request_size=3_000_000, acks="all")
        await producer.start()
        try:
            for n, size in enumerate(_SIZES):
                await self._send(world, producer, f"big-{n}", size)
            try:
                await self._send(world, producer, "huge", _TOPIC_LIMIT + 1)
            except MessageSizeTooLargeError:
                world.count("refused by the broker")
            for giant in range(int(amount)):
                for part in range(_PARTS):
                    size = _PART_BYTES - (giant * _STEP_BYTES if part == _PARTS - 1 else 0)
                    await self._send(world, producer, f"giant-{giant}", size, part)
        finally:
            await producer.stop()

    async def _send(self, world: World, producer: AIOKafkaProducer, name: str, size: int, part: int = 0) -> None:
        person = f"{name}-{world.token}"
        headers = [("ce_source", b"partner"), ("ce_id", f"{person}-{part}".encode()), ("ce_type", b"lead.submitted")]
        topic = world.servers.names.topic(INBOUND)
        await producer.send_and_wait(topic, _body(person, part, size, world.rng), key=person.encode(), headers=headers)
        world.count("big records")
        world.pipeline.allowed.excused.add(person)

    async def recover(self, world: World) -> None:
        """What is dead-lettered depends on sizes that nobody promises; each record has one outcome, that is asked."""
        await world.pipeline.feed.pause()
        reader = world.pipeline.reader

        moved = time.monotonic()

        async def settled() -> bool:
            nonlocal moved
            before = reader.evidence.records.total()
            evidence = await reader.catch_up()
            if evidence.records.total() != before or not await world.fleet.caught_up():
                moved = time.monotonic()
            quiet = time.monotonic() - moved > _QUIET_S
            return quiet and evidence.received.keys() == evidence.outcomes.keys()

        await world.until(settled, "every big record has its outcome", within=60)
        world.pipeline.allowed.dead_letters = sum(reader.evidence.dead.values())
        own = reader.evidence.dead - self._before
        for name, n in own.items():
            world.count(name.partition(".")[0] + " " + name.partition(": ")[2], n)
        reasons = {name.partition(": ")[2] for name in own}
        world.require(reasons <= {"output_too_large", "too_large"}, f"dead letters for other reasons: {reasons}")


def _body(person: str, part: int, size: int, rng: random.Random) -> bytes:
    """A lead of so many bytes; the padding does not compress."""
    lead: dict[str, Any] = {"external_id": person, "email": f"{person}@gmail.com", "source": "website"}
    room = size - len(orjson.dumps({**lead, f"part_{part}": ""}))
    return orjson.dumps({**lead, f"part_{part}": rng.randbytes(room // 2 + 1).hex()[:room]})


FAULTS = [Oversized()]
