"""F09: many writers on the same accounts: two members, commands over HTTP, and somebody who makes them deadlock."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ClassVar

import asyncpg

from shared.contracts.topics import ROUTED
from tests.chaos.asking import convert
from tests.chaos.crowd import hot_of, leads_of
from tests.chaos.fault import Fault, World

_COMPANIES = 3
_TRIES = 4
_EACH = 10
# Pairs of requests at once: people who convert, and not a load test of the harness.
_AT_ONCE = 25
_HELD = "SELECT account_id::text FROM conversion.accounts WHERE facts::text LIKE $1 ORDER BY account_id"
_LOCK = "SELECT 1 FROM conversion.accounts WHERE account_id = $1 FOR UPDATE"


class OneAccount(Fault):
    name: ClassVar = "F09"
    title: ClassVar = "many writers on a few accounts, and deadlocks"
    promise: ClassVar = "P3"
    short: ClassVar = 120
    full: ClassVar = 3000

    def must(self, amount: float) -> Mapping[str, float]:
        return {"people of few accounts": amount, "converts by command": amount // 10, "waits DeadlockDetectedError": 1}

    async def inject(self, world: World, amount: float) -> None:
        name = f"one-{world.token}"
        companies = [f"{name}-{letter}" for letter in "abc"[:_COMPANIES]]
        await self._people(world, name, companies, range(_COMPANIES))
        await self._converts(world, [f"{name}-{n}" for n in range(_COMPANIES)])
        joining = asyncio.create_task(world.fleet.guest("conversion"))
        sent = await self._deadlocks(world, name, companies)
        await joining
        burst = range(sent, sent + int(amount))
        await self._people(world, name, companies, burst)
        asked = list(burst)[: max(_COMPANIES, int(amount) // 10)]
        await self._converts(world, [f"{name}-{n}" for n in asked])

    async def _people(self, world: World, name: str, companies: Sequence[str], people: Sequence[int]) -> None:
        for person in people:
            world.pipeline.feed.send(hot_of(name, person, companies[person % len(companies)]))
        world.count("people of few accounts", len(people))

    async def _converts(self, world: World, people: Sequence[str]) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)
        leads = await leads_of(world, people, ROUTED)
        await asyncio.gather(*(self._convert(world, gate, lead_id) for lead_id in leads))

    async def _convert(self, world: World, gate: asyncio.Semaphore, lead_id: str) -> None:
        """Twice at once; both are told the same."""
        async with gate:
            one, other = await asyncio.gather(convert(world, lead_id), convert(world, lead_id))
        world.require(one["opportunity_id"] == other["opportunity_id"], "two answers for one lead")
        world.count("converts by command")

    async def _deadlocks(self, world: World, name: str, companies: Sequence[str]) -> int:
        """Until a batch was in one; how many people that took."""
        sent = len(companies)
        accounts = [str(row["account_id"]) for row in await world.sql(_HELD, f"%{name}%")]
        world.require(len(accounts) == len(companies), "every company is one account")
        for _ in range(_TRIES):
            people = range(sent, sent + _EACH * len(companies))
            sent = people.stop
            await self._deadlock(world, accounts, lambda: self._people(world, name, companies, people))  # noqa: B023
            if (await world.pipeline.counted()).get("waits DeadlockDetectedError"):
                break
        return sent

    async def _deadlock(self, world: World, accounts: Sequence[str], send: Callable[[], Awaitable[None]]) -> None:
        """Hold the last account, let a batch lock the others and wait, then want the first."""
        connection = await asyncpg.connect(world.servers.postgres)
        try:
            async with connection.transaction():
                await connection.execute("SET LOCAL deadlock_timeout = '20s'")  # it is theirs to notice
                await connection.execute(_LOCK, accounts[-1])
                await send()
                await world.until(lambda: _somebody_waits(world), "a batch waits for a held account")
                await connection.execute(_LOCK, accounts[0])
        finally:
            await connection.close()

    async def recover(self, world: World) -> None:
        if "conversion-1" in world.fleet.members:
            await world.fleet.release("conversion-1")


async def _somebody_waits(world: World) -> bool:
    found = await world.sql(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name LIKE 'leadstream-conversion%'"
    )
    return bool(found)


FAULTS = [OneAccount()]
