"""F15: a bug that always meets the same leads: a few tries, dead letters, and after the fix each is applied once."""

from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.topics import SCORED, dead_letter_topic
from tests.chaos.asking import replay_letters
from tests.chaos.crowd import cold_of, leads_of
from tests.chaos.fault import Fault, World
from tests.chaos.planted import bug, of_leads
from tests.chaos.raw import ends_of, records_from

_AT_ONCE = 3


class PoisonLeads(Fault):
    name: ClassVar = "F15"
    title: ClassVar = "a bug that meets some leads, fixed and replayed"
    promise: ClassVar = "P6"
    short: ClassVar = 3
    full: ClassVar = 15

    def must(self, amount: float) -> Mapping[str, float]:
        return {"poisonous leads": amount, "dead letters": amount, "replays": _AT_ONCE * amount}

    async def inject(self, world: World, amount: float) -> None:
        name, people = f"poison-lead-{world.token}", range(int(amount))
        for person in people:
            world.pipeline.feed.send(cold_of(name, person))
        leads = set(await leads_of(world, [f"{name}-{person}" for person in people], SCORED))
        letters_from = await ends_of(world.servers, dead_letter_topic("scoring"))
        async with bug(world, "scoring.lead_scores", of_leads("lead_id", leads)):
            for person in people:
                world.pipeline.feed.send(cold_of(name, person, 1))
            world.count("poisonous leads", len(leads))
            world.pipeline.allowed.dead_letters += len(leads)
            await world.until(lambda: _all_dead(world), "every poisonous lead is a dead letter")
        letters = await records_from(world.servers, letters_from)
        world.require({letter.key.decode() for letter in letters} == leads, "dead letters are not the originals")
        attempts = [int(dict(letter.headers)["dlq-attempts"]) for letter in letters]
        world.require(
            max(attempts) > 1, "dead letters after a single try"
        )  # the others of a batch fail at the same place
        for letter in letters:
            headers = {name: value.decode() for name, value in letter.headers}
            world.require(headers["dlq-reason"] == "processing_failed", f"dead letter: {headers['dlq-reason']}")
        events = {dict(letter.headers)["ce_id"].decode() for letter in letters}
        world.count("replays", await replay_letters(world, "scoring", events, _AT_ONCE))


async def _all_dead(world: World) -> bool:
    evidence = await world.pipeline.reader.catch_up()
    return sum(evidence.dead.values()) >= world.pipeline.allowed.dead_letters


FAULTS = [PoisonLeads()]
