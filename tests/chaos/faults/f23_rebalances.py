"""F23: members of three groups come and go every few seconds; work goes on all the while."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.topics import CAPTURED, ROUTED, SCORED
from tests.chaos.fault import Fault, World

_BETWEEN_S = 3.0
_PROGRESS_WITHIN_S = 30.0
_SERVICES = ("scoring", "routing", "conversion")


class RebalanceStorm(Fault):
    name: ClassVar = "F23"
    title: ClassVar = "members of three groups join and leave every 3 s"
    promise: ClassVar = "P3, P7"
    short: ClassVar = 3
    full: ClassVar = 90

    def must(self, amount: float) -> Mapping[str, float]:
        return {"members joined": amount, "members left": amount, "looks with progress": 2}

    async def inject(self, world: World, amount: float) -> None:
        watching = asyncio.create_task(self._watch(world))
        try:
            rounds = max(1, int(amount) // len(_SERVICES))
            await asyncio.gather(*(self._come_and_go(world, service, rounds) for service in _SERVICES))
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        if watching.done() and not watching.cancelled() and (error := watching.exception()):
            raise error

    async def _come_and_go(self, world: World, service: str, rounds: int) -> None:
        for _ in range(rounds):
            await world.fleet.guest(service)
            world.count("members joined")
            await world.wait(_BETWEEN_S)
            await world.fleet.release(f"{service}-1")
            world.count("members left")

    async def _watch(self, world: World) -> None:
        """Whatever the groups do, every stage gets on."""
        reader = world.pipeline.reader
        while True:
            before = dict((await reader.catch_up()).records)

            async def more(before: Mapping[str, int] = before) -> bool:
                now = (await reader.catch_up()).records
                return all(now[topic] > before.get(topic, 0) for topic in (CAPTURED, SCORED, ROUTED))

            await world.until(more, "work goes on while members come and go", _PROGRESS_WITHIN_S)
            world.count("looks with progress")

    async def recover(self, world: World) -> None:
        for service in _SERVICES:
            if f"{service}-1" in world.fleet.members:
                await world.fleet.release(f"{service}-1")


FAULTS = [RebalanceStorm()]
