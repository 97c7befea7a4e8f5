"""F07: Postgres is down for minutes. Capture keeps taking leads; nothing is skipped or dead-lettered; all resume."""

import time
from collections.abc import Mapping
from typing import ClassVar

from tests.chaos.fault import Fault, World

_ANSWER_WITHIN_S = 3.0


class PostgresDown(Fault):
    name: ClassVar = "F07"
    title: ClassVar = "Postgres down"
    promise: ClassVar = "P1, P7"
    short: ClassVar = 8
    full: ClassVar = 300

    def must(self, amount: float) -> Mapping[str, float]:
        return {"down s": amount, "answered 202": 5 * amount, "batches retried": 3}

    async def inject(self, world: World, amount: float) -> None:
        await world.ground.stop("postgres")
        down = time.monotonic()
        await world.wait(amount)
        answers = [a for a in world.pipeline.feed.answers_since(down) if a.status]
        await world.ground.start("postgres")
        world.count("down s", int(amount))
        world.count("answered 202", sum(answer.status == 202 for answer in answers))
        refused = [answer.status for answer in answers if answer.status >= 500]
        world.require(not refused, f"capture answered {set(refused)} without Postgres")
        slowest = max((answer.seconds for answer in answers), default=0.0)
        world.require(slowest < _ANSWER_WITHIN_S, f"an answer took {slowest:.1f} s without Postgres")


FAULTS = [PostgresDown()]
