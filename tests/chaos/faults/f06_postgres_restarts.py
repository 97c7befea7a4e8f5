"""F06: every session of the services is ended in mid-transaction, again and again; Postgres restarts, cleanly and not."""

from collections.abc import Mapping
from typing import ClassVar

from tests.chaos.fault import Fault, World

_TERMINATE = """
    SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'leadstream-%'
"""


class PostgresRestarts(Fault):
    name: ClassVar = "F06"
    title: ClassVar = "all sessions ended; Postgres restarted and killed"
    promise: ClassVar = "P1, P7"
    short: ClassVar = 4
    full: ClassVar = 20

    def must(self, amount: float) -> Mapping[str, float]:
        return {"sessions ended": 5 * amount, "restarted": 1, "killed": 1, "batches retried": 1}

    async def inject(self, world: World, amount: float) -> None:
        for n in range(int(amount)):
            await terminate_sessions(world)
            await world.wait(world.rng.uniform(0.3, 1.0))
            if n % 10 == 0:
                await self._restart(world)

    async def _restart(self, world: World) -> None:
        await world.ground.stop("postgres")
        await world.ground.start("postgres")
        world.count("restarted")
        await world.wait(2.0)
        await world.ground.kill("postgres")
        await world.ground.start("postgres")
        world.count("killed")
        await world.fleet.ready()


async def terminate_sessions(world: World) -> None:
    """End all sessions of the services."""
    [row] = await world.sql(_TERMINATE)
    world.count("sessions ended", int(str(row["ended"])))


FAULTS = [PostgresRestarts()]
