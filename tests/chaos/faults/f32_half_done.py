"""F32: account and contact are made, then the opportunity cannot be stored: all three or none, and all three later."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from shared.contracts.topics import CAPTURED, CONVERTED, dead_letter_topic
from tests.chaos.asking import replay_letters
from tests.chaos.crowd import hot_of, leads_of, lukewarm_of
from tests.chaos.fault import Fault, World
from tests.chaos.planted import bug, of_leads
from tests.chaos.raw import ends_of, records_from

_PARTS = """
    SELECT (SELECT count(*) FROM conversion.accounts WHERE facts::text LIKE $1) AS accounts,
           (SELECT count(*) FROM conversion.contacts WHERE facts::text LIKE $1) AS contacts,
           (SELECT count(*) FROM conversion.opportunities WHERE lead_id = ANY($2::uuid[])) AS opportunities
"""


class HalfDone(Fault):
    name: ClassVar = "F32"
    title: ClassVar = "account created, opportunity refused"
    promise: ClassVar = "P3"
    short: ClassVar = 3
    full: ClassVar = 15

    def must(self, amount: float) -> Mapping[str, float]:
        return {"refused": amount, "nothing half done": 1, "dead letters": amount, "replays": amount, "whole": 1}

    async def inject(self, world: World, amount: float) -> None:
        name, people = f"half-{world.token}", range(int(amount))
        for person in people:
            world.pipeline.feed.send(lukewarm_of(name, person, f"{name}-c{person}"))
        leads = await leads_of(world, [f"{name}-{person}" for person in people], CAPTURED)
        letters_from = await ends_of(world.servers, dead_letter_topic("conversion"))
        async with bug(world, "conversion.opportunities", of_leads("lead_id", set(leads))):
            for person in people:
                world.pipeline.feed.send(hot_of(name, person, f"{name}-c{person}", 1))
            world.pipeline.allowed.dead_letters += len(leads)
            await world.until(lambda: _all_dead(world), "every refused conversion is a dead letter")
            world.count("refused", len(leads))
            parts = await self._parts(world, name, leads)
            world.require(set(parts) == {0}, f"half done: accounts, contacts, opportunities {parts}")
            world.count("nothing half done")
        letters = await records_from(world.servers, letters_from)
        events = {dict(letter.headers)["ce_id"].decode() for letter in letters}
        world.count("replays", await replay_letters(world, "conversion", events))
        await world.until(lambda: _converted(world, leads), "every replayed lead is converted")
        parts = await self._parts(world, name, leads)
        world.require(set(parts) == {len(leads)}, f"not whole: accounts, contacts, opportunities {parts}")
        world.count("whole")

    async def _parts(self, world: World, name: str, leads: Sequence[str]) -> list[int]:
        [row] = await world.sql(_PARTS, f"%{name}-%", leads)
        return [int(str(n)) for n in row.values()]


async def _all_dead(world: World) -> bool:
    evidence = await world.pipeline.reader.catch_up()
    return sum(evidence.dead.values()) >= world.pipeline.allowed.dead_letters


async def _converted(world: World, leads: Sequence[str]) -> bool:
    evidence = await world.pipeline.reader.catch_up()
    return evidence.records[CONVERTED] > 0 and all(lead in evidence.converted for lead in leads)


FAULTS = [HalfDone()]
