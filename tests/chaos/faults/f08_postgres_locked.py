"""F08: somebody holds locks in every schema for longer than a service waits. Batches wait; members stay members."""

from collections.abc import Mapping
from typing import ClassVar

import asyncpg

from shared.contracts.topics import SERVICES
from tests.chaos.fault import Fault, World


class PostgresLocked(Fault):
    name: ClassVar = "F08"
    title: ClassVar = "tables locked beyond lock_timeout"
    promise: ClassVar = "P7"
    short: ClassVar = 8
    full: ClassVar = 60

    def must(self, amount: float) -> Mapping[str, float]:
        return {"locked s": amount, "batches retried": 2}

    def must_not(self, _amount: float) -> tuple[str, ...]:
        return (*super().must_not(_amount), "batches dropped", "restarts")

    async def inject(self, world: World, amount: float) -> None:
        connection = await asyncpg.connect(world.servers.postgres)
        try:
            async with connection.transaction():
                for name in SERVICES:
                    await connection.execute(f"LOCK TABLE {name}.marks IN ACCESS EXCLUSIVE MODE")
                await world.wait(amount)
        finally:
            await connection.close()
        world.count("locked s", int(amount))


FAULTS = [PostgresLocked()]
