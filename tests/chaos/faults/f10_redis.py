"""F10: Redis forgets everything, is killed, comes back empty, hangs."""

import signal
import time
from collections.abc import Mapping
from typing import ClassVar

from redis.asyncio import Redis

from tests.chaos.fault import Fault, World
from tests.chaos.people import of_person

# A request waits for Redis at most LEADSTREAM_REDIS_TIMEOUT_S (0.2 s) a call; the rest is Kafka and a busy machine.
_SLOWEST_S = 3.0
_PEOPLE, _TIMES = 6, 10


class RedisGone(Fault):
    name: ClassVar = "F10"
    title: ClassVar = "Redis flushed, killed, hanging, in a storm of duplicates"
    promise: ClassVar = "P11"
    short: ClassVar = 2
    full: ClassVar = 20

    def must(self, amount: float) -> Mapping[str, float]:
        return {"flushed": 1, "killed": 1, "hung s": amount, "answers while hanging": 5}

    async def inject(self, world: World, amount: float) -> None:
        began = time.monotonic()
        self._storm(world, 0)
        async with Redis.from_url(world.ground.servers.redis) as client:
            await client.flushall()
        world.count("flushed")
        await world.wait(amount / 2)
        await world.ground.kill("valkey")
        world.count("killed")
        self._storm(world, 1)
        await world.wait(amount)
        await world.ground.start("valkey")
        await self._hang(world, amount)
        slowest = max(answer.seconds for answer in world.pipeline.feed.answers_since(began))
        world.require(slowest < _SLOWEST_S, f"a request took {slowest:.1f} s without Redis")

    def _storm(self, world: World, number: int) -> None:
        """People who send the same over and over, all at once, under one Idempotency-Key each."""
        for person in range(_PEOPLE):
            submission = of_person(f"storm{number}-{world.token}", person, person)
            for _ in range(_TIMES):
                world.pipeline.feed.post(submission)
                world.count("same again")

    async def _hang(self, world: World, seconds: float) -> None:
        hung = time.monotonic()
        world.ground.signal("valkey", signal.SIGSTOP)
        self._storm(world, 2)
        await world.wait(seconds)
        world.ground.signal("valkey", signal.SIGCONT)
        world.count("hung s", int(seconds))
        taken = [answer for answer in world.pipeline.feed.answers_since(hung) if answer.status == 202]
        world.count("answers while hanging", len(taken))


FAULTS = [RedisGone()]
