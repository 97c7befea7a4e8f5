"""F17: records that cannot be read, between good ones, on every inbound and command topic: each has one outcome."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from aiokafka import AIOKafkaProducer

from shared.contracts.topics import COMMAND_TOPICS, INBOUND, INBOUND_BULK
from tests.chaos.crowd import cold_of
from tests.chaos.fault import Fault, World
from tests.support.topics import envelope

_GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00"
_CODECS = (None, "gzip", "snappy", "lz4", "zstd")
_Made = tuple[bytes | None, bytes | None, list[tuple[str, Any]]]


def submissions(token: str, n: int) -> list[tuple[_Made, bool]]:
    """Records for an inbound topic; of each whether it is a dead letter (else it is refused, with a reason)."""

    def named(**more: Any) -> list[tuple[str, Any]]:
        given = {"ce_source": b"partner", "ce_id": f"{token}-{n}-{len(found)}".encode(), "ce_type": b"lead.submitted"}
        return [*(given | more).items()]

    found: list[tuple[_Made, bool]] = []
    good = cold_of(f"unread-{token}", n).body
    for value in (None, b"", _GZIP, b"{not json", b"[]", b"\xff\xfe{}", b"null", b'"text"'):
        found.append(((b"k", value, named()), False))
    found.append(((None, good[:-1], named(**{"content-type": b"image/png"})), False))
    found.append(((b"k", b"%ZZ=&=", named(**{"content-type": b"application/x-www-form-urlencoded"})), False))
    found.append(((b"k", b"{}", [("ce_source", None), ("ce_id", None)]), False))
    found.append(((b"k", good, named(ce_source=b"\xff\xfe")), True))
    found.append(((b"k", good, named(ce_id=b"\xc3\x28" + f"{token}-{n}".encode())), True))
    found.append(((b"k", good, named(ce_source=b"a\x00b")), True))
    found.append(((b"k", good, named(ce_source=b"x" * 500)), True))
    found.append(((b"k", good, named(ce_type=b"lead.teleported")), True))
    return found


def commands(service: str, token: str) -> list[_Made]:
    """Records for a command topic, every one a dead letter."""
    headers = [envelope("record.replay", f"{token}-{service}-{n}", "s") for n in range(4)]
    return [
        (b"k", b"{not json", headers[0]),
        (b"k", b"", headers[1]),
        (b"k", None, headers[2]),
        (b"k", _GZIP, headers[3]),
        (None, b"{}", []),
    ]


class Undecodable(Fault):
    name: ClassVar = "F17"
    title: ClassVar = "records that cannot be read, in every codec"
    promise: ClassVar = "P2, P6"
    short: ClassVar = 2
    full: ClassVar = 40

    def must(self, amount: float) -> Mapping[str, float]:
        return {"unreadable": 30 * amount, "codecs": len(_CODECS) * amount, "dead letters": 30}

    async def inject(self, world: World, amount: float) -> None:
        for n in range(int(amount)):
            codec = _CODECS[n % len(_CODECS)]
            for topic in (INBOUND, INBOUND_BULK):
                made = submissions(f"{world.token}-{topic}", n)
                await self._send(world, topic, [record for record, _ in made], codec)
                world.pipeline.allowed.dead_letters += sum(dead for _, dead in made)
            for each in _CODECS:
                person = cold_of(f"codec-{world.token}-{each}", n)
                headers = [("ce_source", b"partner"), ("ce_id", person.event_id.encode())]
                await self._send(world, INBOUND, [(b"k", person.body, headers)], each)
                world.count("codecs")
        for service, topic in COMMAND_TOPICS.items():
            made_commands = commands(service, world.token)
            await self._send(world, topic, made_commands, None)
            world.pipeline.allowed.dead_letters += len(made_commands)

    async def _send(self, world: World, topic: str, records: Sequence[_Made], codec: str | None) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=world.servers.kafka, acks="all", compression_type=codec)
        await producer.start()
        try:
            for key, value, headers in records:
                await producer.send_and_wait(world.servers.names.topic(topic), value, key=key, headers=headers)
        finally:
            await producer.stop()
        world.count("unreadable", len(records))


FAULTS = [Undecodable()]
