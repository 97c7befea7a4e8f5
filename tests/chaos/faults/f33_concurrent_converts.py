"""F33: two requests and the gate convert the same lead at the same time: one opportunity, one answer for all."""

import asyncio
from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.topics import ROUTED
from tests.chaos.asking import convert
from tests.chaos.crowd import hot_of, leads_of, lukewarm_of
from tests.chaos.fault import Fault, World


class ConcurrentConverts(Fault):
    name: ClassVar = "F33"
    title: ClassVar = "pairs of requests and the gate convert one lead at once"
    promise: ClassVar = "P3"
    short: ClassVar = 20
    full: ClassVar = 500

    def must(self, amount: float) -> Mapping[str, float]:
        return {"pairs": amount, "second to convert": amount, "first by request": 1, "first by gate": 1}

    async def inject(self, world: World, amount: float) -> None:
        name = f"pair-{world.token}"
        for start in range(0, int(amount), 20):
            people = range(start, min(start + 20, int(amount)))
            for person in people:
                world.pipeline.feed.send(lukewarm_of(name, person, f"{name}-c{person // 4}"))
            leads = await leads_of(world, [f"{name}-{person}" for person in people], ROUTED)
            pairs = zip(people, leads, strict=True)
            await asyncio.gather(*(self._pair(world, name, person, lead_id) for person, lead_id in pairs))

    async def _pair(self, world: World, name: str, person: int, lead_id: str) -> None:
        # Half of them give the gate a head start of about what its way takes on a quiet machine; some wait until it was first.
        world.pipeline.feed.send(hot_of(name, person, f"{name}-c{person // 4}", 1))
        await world.wait(world.rng.uniform(0.3, 2.0) if person % 2 else 0.0)
        if person % 8 == 7:
            await world.until(lambda: _converted(world, lead_id), "the gate converts a lead")
        answers = await asyncio.gather(convert(world, lead_id), convert(world, lead_id))
        opportunities = {answer["opportunity_id"] for answer in answers}
        world.require(len(opportunities) == 1, "two opportunities for one lead")
        parts = {(answer["account_id"], answer["contact_id"]) for answer in answers}
        world.require(len(parts) == 1, "two accounts or contacts for one lead")
        firsts = sum(not answer["already_converted"] for answer in answers)
        world.require(firsts <= 1, "both requests were told to be the first")
        world.count("pairs")
        world.count("second to convert", 2 - firsts)
        world.count("first by request" if firsts else "first by gate")


async def _converted(world: World, lead_id: str) -> bool | None:
    return bool(await world.sql("SELECT 1 FROM conversion.opportunities WHERE lead_id::text = $1", lead_id)) or None


FAULTS = [ConcurrentConverts()]
