"""F21: every submission comes fifty times, over HTTP and Kafka at once, while capture and conversion are killed."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.topics import RECEIPTS_SETTLED
from tests.chaos.crowd import cold_of, hot_of
from tests.chaos.fault import Fault, World
from tests.chaos.people import Submission

_TIMES = 50
_OVER_HTTP = 8


class DuplicateStorm(Fault):
    name: ClassVar = "F21"
    title: ClassVar = "every submission 50 times, over HTTP and Kafka, across restarts"
    promise: ClassVar = "P3"
    short: ClassVar = 40
    full: ClassVar = 2000

    def must(self, amount: float) -> Mapping[str, float]:
        by_kafka = (_TIMES - _OVER_HTTP - 1) * amount
        return {"copies": _TIMES * amount, "repeats settled": by_kafka, "kills": 2, "restarts": 2}

    async def inject(self, world: World, amount: float) -> None:
        name = f"storm-{world.token}"
        before = (await world.pipeline.reader.catch_up()).records[RECEIPTS_SETTLED]
        copies = [self._person(name, n) for n in range(int(amount)) for _ in range(_TIMES)]
        order = list(enumerate(copies))
        world.rng.shuffle(order)
        for sent, (n, submission) in enumerate(order):
            if sent == len(order) // 3:
                self._kill(world, "capture")
            if sent == len(order) * 2 // 3:
                self._kill(world, "conversion")
            post = n % _TIMES < _OVER_HTTP
            (world.pipeline.feed.post if post else world.pipeline.feed.send)(submission)
            world.count("copies")
            if sent % 100 == 99:
                await asyncio.sleep(0.1)
        await world.pipeline.feed.pause(within=600)
        world.pipeline.feed.flow()
        at_least = self.must(amount)["repeats settled"]

        async def settled() -> bool:
            return (await world.pipeline.reader.catch_up()).records[RECEIPTS_SETTLED] - before >= at_least

        await world.until(settled, "every repetition is settled", 60)
        world.count("repeats settled", world.pipeline.reader.evidence.records[RECEIPTS_SETTLED] - before)

    def _person(self, name: str, n: int) -> Submission:
        return hot_of(name, n, f"{name}-company-{n // 8}") if n % 4 == 0 else cold_of(name, n)

    def _kill(self, world: World, victim: str) -> None:
        world.fleet.kill(victim)
        world.count("kills")


FAULTS = [DuplicateStorm()]
