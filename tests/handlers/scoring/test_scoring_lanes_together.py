"""Both lanes of scoring at once, on real Postgres: whoever comes first, a score counts all that its lead did."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import orjson
import pytest

from services.scoring.adapters.erasure import PERSONAL
from services.scoring.adapters.models import active_models
from services.scoring.adapters.postgres import PostgresStandings
from services.scoring.adapters.shadow import PostgresShadow
from services.scoring.domain.standing import Standing
from services.scoring.segments.adapters.book import PostgresSegmentBook
from services.scoring.subscribers import subscriptions
from shared.handling.records import Record
from shared.handling.work import Work
from shared.messaging.settling import Settling
from shared.persistence.aliases import Survivor
from shared.persistence.database import is_transient
from tests.support.scoring import Log, ScoringLane, lead_id, scoring_lane
from tests.support.stack import Servers

pytestmark = pytest.mark.stack

MODEL = "kind: scoring\nrules: []\nbehaviour: [{id: page, event: page.viewed, points: 5, once_per: asset}]\n"
PAIRS = 40


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(own.postgres) as made:
        await made.settle(Log(10_000).publish(MODEL))
        yield made


async def settle_all(lane: ScoringLane, batches: Sequence[Sequence[Record]]) -> None:
    """As the chassis does: what is transient is tried again."""
    for batch in batches:
        async with asyncio.timeout(60):
            while True:
                try:
                    await lane.settle(*batch)
                    break
                except Exception as error:
                    if not is_transient(error):
                        raise
                    await asyncio.sleep(0)


def in_batches(records: list[Record], chance: random.Random) -> list[list[Record]]:
    chance.shuffle(records)
    batches = []
    while records:
        size = chance.randint(1, 6)
        batches.append(records[:size])
        del records[:size]
    return batches


@pytest.mark.parametrize("seed", range(4))
async def test_no_event_is_left_out_whoever_comes_first(lane: ScoringLane, seed: int) -> None:
    """Losers that never came, merges before and after behaviour, both at the same instant."""
    log, chance = Log(), random.Random(seed)
    leads: list[Record] = []
    deeds: list[Record] = []
    for winner in range(0, 2 * PAIRS, 2):
        loser = winner + 1
        leads += [log.captured(winner), log.merged(winner, loser, 2)]
        leads += [log.captured(loser)] * chance.randint(0, 1)
        deeds += [log.behaved(winner, properties={"url": "/a"})]
        deeds += [log.behaved(loser, properties={"url": f"/{page}"}) for page in "bc"]
    await asyncio.gather(settle_all(lane, in_batches(leads, chance)), settle_all(lane, in_batches(deeds, chance)))
    rows = await lane.fetch("SELECT lead_id::text, score, behaves FROM lead_scores WHERE origin IS NOT NULL")
    scores = {row["lead_id"]: orjson.loads(row["score"]) for row in rows}
    assert {n: scores[lead_id(n)]["engagement"] for n in range(0, 2 * PAIRS, 2)} == dict.fromkeys(
        range(0, 2 * PAIRS, 2), 15
    )


class Halting(PostgresStandings):
    """Stops once, after it has looked who is who, or after it has locked, until it is told to go on."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def _halt(self, where: str) -> None:
        if where == self._where:
            self.reached.set()
            await self.go_on.wait()

    async def survivors(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, Survivor]:
        found = await super().survivors(work, lead_ids)
        await self._halt("survivors")
        return found

    async def lock(self, work: Work, lead_ids: Iterable[str], **how: Any) -> dict[str, Standing]:
        known = await super().lock(work, lead_ids, **how)
        await self._halt("lock")
        return known


def with_standings(lane: ScoringLane, standings: PostgresStandings) -> ScoringLane:
    """The same lanes with these standings, as another replica."""
    lanes = subscriptions(
        active_models(), standings, PostgresSegmentBook(), PostgresShadow(), PERSONAL, max_records=2000
    )
    settling = (Settling(each, each.group, lane.database, lambda: lane.now) for each in lanes)
    return ScoringLane(lane.database, dict(zip(("leads", "behaviour"), settling, strict=False)))


@pytest.mark.parametrize("loser_came", [True, False])
async def test_a_merge_while_behaviour_is_being_added_brings_it_along(lane: ScoringLane, loser_came: bool) -> None:
    log, standings = Log(), Halting("survivors")
    await lane.settle(log.captured(0), *([log.captured(1)] if loser_came else []))
    halted = asyncio.create_task(settle_all(with_standings(lane, standings), [[log.behaved(1)]]))
    await asyncio.wait_for(standings.reached.wait(), 30)
    await lane.settle(log.merged(0, 1, 2))
    standings.go_on.set()
    await asyncio.wait_for(halted, 60)
    assert orjson.loads((await lane.row(0))["score"])["engagement"] == 5


@pytest.mark.parametrize("loser_came", [True, False])
async def test_behaviour_while_its_lead_is_being_merged_is_brought_along(lane: ScoringLane, loser_came: bool) -> None:
    log, standings = Log(), Halting("lock")
    await lane.settle(log.captured(0), *([log.captured(1)] if loser_came else []))
    halted = asyncio.create_task(settle_all(with_standings(lane, standings), [[log.merged(0, 1, 2)]]))
    await asyncio.wait_for(standings.reached.wait(), 30)
    adding = asyncio.create_task(settle_all(lane, [[log.behaved(1)]]))
    if not loser_came:  # nothing to wait for: it is a lead that nobody has heard of
        await asyncio.wait_for(asyncio.shield(adding), 60)
    standings.go_on.set()
    await asyncio.wait_for(asyncio.gather(halted, adding), 60)
    assert orjson.loads((await lane.row(0))["score"])["engagement"] == 5


async def test_a_merge_whose_winner_is_merged_away_meanwhile_reaches_who_is_left(lane: ScoringLane) -> None:
    log, standings = Log(), Halting("survivors")
    await lane.settle(log.captured(0), log.captured(1), log.captured(2))
    await lane.settle(log.behaved(2))
    halted = asyncio.create_task(
        settle_all(with_standings(lane, standings), [[log.merged(1, 2, 2)._replace(partition=1)]])
    )
    await asyncio.wait_for(standings.reached.wait(), 30)
    await lane.settle(log.merged(0, 1, 3))
    standings.go_on.set()
    await asyncio.wait_for(halted, 60)
    assert orjson.loads((await lane.row(0))["score"])["engagement"] == 5
