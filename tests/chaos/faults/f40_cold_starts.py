"""F40: services start while every server is absent; servers come in any order; all is ready soon after the last. And
servers that are there, but whose names are looked up slowly, or not found for a while."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import ClassVar

import httpx

from shared.contracts.topics import SERVICES
from tests.chaos import slow_names
from tests.chaos.fault import Fault, World
from tests.support import http

_SERVERS = ("kafka", "postgres", "valkey")
_READY_WITHIN_S = 60.0


class ColdStarts(Fault):
    name: ClassVar = "F40"
    title: ClassVar = "start with every server absent, servers in any order"
    promise: ClassVar = "P7"
    short: ClassVar = 1
    full: ClassVar = 6

    def must(self, amount: float) -> Mapping[str, float]:
        return {"cold starts": amount, "alive and not ready": len(SERVICES) * amount}

    async def inject(self, world: World, amount: float) -> None:
        orders = list(permutations(_SERVERS))
        world.rng.shuffle(orders)
        for order in orders[: int(amount)]:
            await self._cold_start(world, order)

    async def _cold_start(self, world: World, order: Sequence[str]) -> None:
        await asyncio.gather(*(world.fleet.stop(name) for name in SERVICES))
        await asyncio.gather(*(world.ground.stop(server) for server in _SERVERS))
        for name in SERVICES:
            world.fleet.launch(name)
        await _alive_and_not_ready(world)
        for server in order:
            await world.ground.start(server)
        await world.fleet.ready(_READY_WITHIN_S)
        world.count("cold starts")


class SlowNames(Fault):
    """The amount is the seconds that a look-up takes; a name server that is away costs 5 s each time."""

    name: ClassVar = "F40"
    title: ClassVar = "names of servers found slowly, or not at all for a while"
    promise: ClassVar = "P7"
    short: ClassVar = 2
    full: ClassVar = 6

    def must(self, _amount: float) -> Mapping[str, float]:
        services = len(SERVICES)
        return {
            "alive and not ready": services,
            "log name_missing": 2 * services,
            "log name_found": 3 * services,
            "lines dropped": 6 * services,
        }

    def must_not(self, amount: float) -> tuple[str, ...]:
        return (*super().must_not(amount), "log event_loop_blocked", "log transactional_id_given_up")

    async def inject(self, world: World, amount: float) -> None:
        await asyncio.gather(*(world.fleet.stop(name) for name in SERVICES))
        self._answer(world, "0.2 missing")
        for name in SERVICES:
            world.fleet.processes[name].module = slow_names.__name__
            world.fleet.launch(name)
        await _alive_and_not_ready(world)
        await self._found_in(world, amount)
        for answer in (f"{amount} found", "0.2 missing"):
            await self._drop_lines(world, answer, amount)
            await self._found_in(world, amount)

    def _answer(self, world: World, answer: str) -> None:
        world.fleet.names.write_text(answer)

    async def _found_in(self, world: World, seconds: float) -> None:
        self._answer(world, f"{seconds} found")
        await world.fleet.ready(_READY_WITHIN_S)

    async def _drop_lines(self, world: World, answer: str, seconds: float) -> None:
        """Everything has to be connected to anew."""
        self._answer(world, answer)
        for name in SERVICES:
            line = world.line(name)
            for proxy in (line.kafka, line.postgres, line.redis):
                proxy.drop()
                world.count("lines dropped")
        await world.wait(seconds)

    async def recover(self, world: World) -> None:
        self._answer(world, "0 found")
        await asyncio.gather(*(world.fleet.stop(name) for name in SERVICES))
        for name in SERVICES:
            world.fleet.processes[name].module = f"services.{name}.main"
            world.fleet.launch(name)


async def _alive_and_not_ready(world: World) -> None:
    for name in SERVICES:
        await world.until(lambda name=name: _alive(world, name), f"{name} is alive", within=40)  # type: ignore[misc]
        health = await world.fleet.processes[name].health()
        world.require(health is not None and not health["ready"], f"{name} is ready without servers")
        world.count("alive and not ready")


async def _alive(world: World, name: str) -> bool:
    try:
        async with http.client(world.fleet.processes[name].url, timeout=2) as client:
            return bool((await client.get("/health/live")).json()["live"])
    except httpx.HTTPError:
        return False


FAULTS = [ColdStarts(), SlowNames()]
