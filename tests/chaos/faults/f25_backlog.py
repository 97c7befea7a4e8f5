"""F25: routing is away while records pile up before it: its lag is told as it is, its memory stays flat, it drains."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import uuid4

import asyncpg
import psutil

from shared.contracts.topics import SCORED
from tests.chaos.fault import Fault, World
from tests.chaos.oracle import MEMORY_GROWTH, MEMORY_SLACK_MIB
from tests.chaos.raw import behind, copy_of, newest
from tests.support.topics import produce

_AT_ONCE = 20_000
# One batch is in hand, and a transaction's marker takes an offset in each partition.
_BATCH = 2_000
_DRAINS_WITHIN_S = 1200.0


class Backlog(Fault):
    name: ClassVar = "F25"
    title: ClassVar = "routing away while records pile up"
    promise: ClassVar = "P7"
    short: ClassVar = 10_000
    full: ClassVar = 1_000_000

    def must(self, amount: float) -> Mapping[str, float]:
        return {"backlog": amount, "lag told": amount - _BATCH, "drained/s": 1}

    async def inject(self, world: World, amount: float) -> None:
        template = (await newest(world.servers, SCORED))[-1]
        await world.fleet.stop("routing")
        for done in range(0, int(amount), _AT_ONCE):
            copies = [copy_of(template, str(uuid4())) for _ in range(min(_AT_ONCE, int(amount) - done))]
            await produce(world.servers, SCORED, copies)
        connection = await asyncpg.connect(world.servers.postgres)
        try:
            async with connection.transaction():  # so that there is a moment in which the lag stands still
                await connection.execute("LOCK TABLE routing.assignments IN ACCESS EXCLUSIVE MODE")
                world.fleet.launch("routing")
                await self._compare_lag(world)
        finally:
            await connection.close()
        await self._drain(world, amount)

    async def _compare_lag(self, world: World) -> None:
        async def known() -> int | None:
            health: Any = await world.fleet.processes["routing"].health()
            return int(health["lag"]) if health is not None and health["lag"] else None

        await world.until(known, "routing tells its lag")
        told, true = await world.until(known, "routing tells its lag"), await behind(world.servers, "routing", SCORED)
        metric = await world.fleet.processes["routing"].metric("kafka_consumer_lag_records")
        world.count("backlog", true)
        world.count("lag told", told)
        world.require(true - 2 * _BATCH <= told <= true, f"lag {told} told of {true}")
        world.require(true - 2 * _BATCH <= metric <= true + _BATCH, f"lag {metric:g} in the metric, of {true}")

    async def _drain(self, world: World, amount: float) -> None:
        process = psutil.Process(world.fleet.processes["routing"].pid)
        began, most = time.monotonic(), 0.0
        allowed = world.pipeline.levels["routing"].memory_mib * (1 + MEMORY_GROWTH) + MEMORY_SLACK_MIB

        async def drained() -> bool:
            nonlocal most
            most = max(most, process.memory_info().rss / 2**20)
            health: Any = await world.fleet.processes["routing"].health()
            return health is not None and health["lag"] is not None and health["lag"] < _BATCH

        await world.until(drained, "the backlog is drained", _DRAINS_WITHIN_S)
        world.count("drained/s", int(amount / (time.monotonic() - began)))
        world.count("MiB at most", int(most))
        world.require(most < allowed, f"routing took {most:.0f} MiB with a backlog, {allowed:.0f} allowed")


FAULTS = [Backlog()]
