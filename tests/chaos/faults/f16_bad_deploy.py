"""F16: a bad deploy: everything fails. The consumer stops by itself, dead-letters next to nothing, and skips nothing."""

from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.topics import CAPTURED, dead_letter_topic
from tests.chaos.asking import replay_letters
from tests.chaos.fault import Fault, World
from tests.chaos.planted import bug
from tests.chaos.raw import behind, ends_of, records_from

_MOST_LETTERS = 20
_HOLDS_S = 2.0


class BadDeploy(Fault):
    name: ClassVar = "F16"
    title: ClassVar = "bad deploy: every record fails"
    promise: ClassVar = "P6"
    short: ClassVar = 1
    full: ClassVar = 5

    def must(self, amount: float) -> Mapping[str, float]:
        return {"log consumer_stopped": amount, "stayed stopped": amount, "records waited": 100}

    async def inject(self, world: World, amount: float) -> None:
        reader = world.pipeline.reader
        for _ in range(int(amount)):
            before = sum((await reader.catch_up()).dead.values())
            letters_from = await ends_of(world.servers, dead_letter_topic("scoring"))
            async with bug(world, "scoring.lead_scores"):
                await world.until(lambda: _stopped(world), "scoring stops when everything fails", 60)
                offsets = await behind(world.servers, "scoring", CAPTURED)
                await world.wait(_HOLDS_S)
                world.require(await _stopped(world), "scoring did not stay stopped")
                waiting = await behind(world.servers, "scoring", CAPTURED)
                world.require(waiting >= offsets, "a stopped consumer moved its offsets")
                world.count("stayed stopped")
                world.count("records waited", waiting)
            letters = sum((await reader.catch_up()).dead.values()) - before
            world.require(letters <= _MOST_LETTERS, f"{letters} dead letters before it stopped")
            world.pipeline.allowed.dead_letters += letters
            await world.fleet.stop("scoring")  # the mended deploy
            world.fleet.launch("scoring")
            await world.fleet.ready()
            events = {dict(each.headers)["ce_id"].decode() for each in await records_from(world.servers, letters_from)}
            await replay_letters(world, "scoring", events)


async def _stopped(world: World) -> bool:
    health = await world.fleet.processes["scoring"].health()
    return health is not None and not health["ready"] and any("in a row" in why for why in _reasons(health))


def _reasons(health: Mapping[str, object]) -> list[str]:
    return [str(why) for part in ("reasons", "consumers") for why in (health.get(part) or [])]  # type: ignore[attr-defined]


FAULTS = [BadDeploy()]
