"""F05: nobody reaches the broker for minutes. Capture says so at once, the rest waits, and all resume by themselves."""

import time
from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.topics import SERVICES
from tests.chaos.fault import Fault, World

# What is on its way when the line is cut may still be answered with 202.
_IN_FLIGHT_S = 0.5
_ANSWER_WITHIN_S = 5.0
_BACK_WITHIN_S = 60.0


class BrokerUnreachable(Fault):
    name: ClassVar = "F05"
    title: ClassVar = "broker unreachable"
    promise: ClassVar = "P7"
    short: ClassVar = 8
    full: ClassVar = 300

    def must(self, amount: float) -> Mapping[str, float]:
        return {"unreachable s": amount, "answered 503": 5}

    async def inject(self, world: World, amount: float) -> None:
        for name in SERVICES:
            world.line(name).kafka.cut()
        cut = time.monotonic()
        await world.wait(amount)
        answers = [a for a in world.pipeline.feed.answers_since(cut + _IN_FLIGHT_S) if a.status]
        for name in SERVICES:
            world.line(name).kafka.mend()
        world.count("unreachable s", int(amount))
        world.count("answered 503", sum(answer.status == 503 for answer in answers))
        world.require(not any(answer.status in (200, 202) for answer in answers), "202 without a broker")
        world.require(all(answer.retry_after for answer in answers if answer.status == 503), "503 without Retry-After")
        slowest = max((answer.seconds for answer in answers), default=0.0)
        world.require(slowest < _ANSWER_WITHIN_S, f"an answer took {slowest:.1f} s without a broker")

    async def recover(self, world: World) -> None:
        await world.fleet.ready(_BACK_WITHIN_S)


FAULTS = [BrokerUnreachable()]
