"""F14: valid and nearly valid JSON that breaks databases, between good leads: refused with a reason, nobody waits."""

from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.topics import INBOUND, REJECTED
from tests.chaos.fault import Fault, World
from tests.support.topics import produce

# The first are refused for what they are; of the others only the field that cannot be understood is dropped.
REFUSED = (
    rb'{"email":"%s@gmail.com","last_name":"a\u0000b"}',
    rb'{"email":"%s@gmail.com","last_name":"\ud800"}',
    rb'{"email":"%s@gmail.com","budget":NaN}',
    rb'{"email":"%s@gmail.com","budget":1e400}',
    b'{"email":"%s@gmail.com","last_name":"\xff\xfe"}',
    rb'{"email":"%s@gmail.com","\u0000":1}',
    b'{"email":"%s@gmail.com",' + b'"a":[' * 40 + b"1" + b"]" * 40 + b"}",
)
UNDERSTOOD = (
    b'{"email":"%s@gmail.com","budget":"99999999999999999999999999999999999999999999.99 USD"}',
    b'{"email":"%s@gmail.com","touch":{"occurred_at":"9999999999-01-01T00:00:00Z"}}',
    b'{"email":"%s@gmail.com","touch":{"occurred_at":"0000-00-00T25:61:61Z"}}',
    b'{"email":"%s@gmail.com","company":{"employees":1' + b"0" * 60 + b"}}",
    b'{"email":"%s@gmail.com","extra":' + b"9" * 4000 + b"}",
    '{"email":"%s@gmail.com","last_name":"\U0001f4a9\u202e\ufdd0"}'.encode(),
)


class PoisonValues(Fault):
    name: ClassVar = "F14"
    title: ClassVar = "values that break databases, one in a few hundred"
    promise: ClassVar = "P6"
    short: ClassVar = 3
    full: ClassVar = 100

    def must(self, amount: float) -> Mapping[str, float]:
        return {"poison": (len(REFUSED) + len(UNDERSTOOD)) * amount, "refused": len(REFUSED) * amount}

    def must_not(self, amount: float) -> tuple[str, ...]:
        return (*super().must_not(amount), "batches retried", "dead letters")

    async def inject(self, world: World, amount: float) -> None:
        before = (await world.pipeline.reader.catch_up()).records[REJECTED]
        for round_ in range(int(amount)):
            for n, body in enumerate((*REFUSED, *UNDERSTOOD)):
                await self._send(world, body, f"poison-{world.token}-{round_}-{n}".encode())
            await world.wait(1.0)

        async def settled() -> bool:
            evidence = await world.pipeline.reader.catch_up()
            ours = [place for place, event in evidence.received.items() if event.startswith(f"poison-{world.token}")]
            return len(ours) == self.must(amount)["poison"] and all(evidence.outcomes[place] for place in ours)

        await world.until(settled, "every poisonous record has its outcome")
        world.count("refused", world.pipeline.reader.evidence.records[REJECTED] - before)

    async def _send(self, world: World, body: bytes, name: bytes) -> None:
        headers = [("ce_source", b"partner"), ("ce_id", name), ("ce_type", b"lead.submitted")]
        await produce(world.servers, INBOUND, [(name, body.replace(b"%s", name), headers)])
        world.count("poison")


FAULTS = [PoisonValues()]
