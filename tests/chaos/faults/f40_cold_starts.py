"""F40: services start while every server is absent; servers come in any order; all is ready soon after the last."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import ClassVar

import httpx

from shared.contracts.topics import SERVICES
from tests.chaos.fault import Fault, World

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
        for name in SERVICES:
            await world.until(lambda name=name: self._alive(world, name), f"{name} is alive", within=40)  # type: ignore[misc]
            health = await world.fleet.processes[name].health()
            world.require(health is not None and not health["ready"], f"{name} is ready without servers")
            world.count("alive and not ready")
        for server in order:
            await world.ground.start(server)
        await world.fleet.ready(_READY_WITHIN_S)
        world.count("cold starts")

    async def _alive(self, world: World, name: str) -> bool:
        try:
            async with httpx.AsyncClient(base_url=world.fleet.processes[name].url, timeout=2) as client:
                return bool((await client.get("/health/live")).json()["live"])
        except httpx.HTTPError:
            return False


FAULTS = [ColdStarts()]
