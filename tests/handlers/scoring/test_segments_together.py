"""Segments on real Postgres while something else happens to the same leads."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping

import pytest

from services.scoring.segments.adapters.book import PostgresSegmentBook
from services.scoring.segments.adapters.models import active_segments
from services.scoring.segments.handlers.looking import look_timer
from services.scoring.segments.subscribers import segments_lane
from shared.handling.outcomes import Skipped
from shared.handling.work import Work
from shared.messaging.settling import Settling
from shared.persistence.database import is_transient
from shared.persistence.timers import set_timers
from tests.support.scoring import NOW, Log, ScoringLane, lead_id, scoring_lane
from tests.support.stack import Servers

pytestmark = pytest.mark.stack

SEGMENTS = """
kind: segments
counts: {pages: {kinds: [page.viewed], days: 30}}
segments:
  - {id: keen, when: {field: activity.pages, gte: 1}}
  - {id: chiefs, when: {field: title, eq: CEO}}
  - {id: later, when: {field: interest.class, eq: not_now}}
  - {id: gone, when: {field: interest.class, eq: disinterested}}
"""


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(own.postgres) as made:
        await made.settle(Log(1_000_000).publish(SEGMENTS, kind="segments", command=99))
        await made.fetch("DELETE FROM timers RETURNING 1")
        yield made


async def members(lane: ScoringLane, n: int) -> str:
    (row,) = await lane.fetch(f"SELECT members::text FROM segment_leads WHERE lead_id = '{lead_id(n)}'")
    return str(row["members"])


async def test_a_timer_waits_for_its_lead_without_holding_up_who_sets_it(lane: ScoringLane) -> None:
    """Whoever looks at a lead locks the lead first and sets its timer then; in another order both would wait for ever."""
    log = Log()
    await lane.settle(log.captured(1))
    await lane.settle_segments(log.did(1, "page.viewed", NOW))
    async with lane.database.transaction(lane.now) as work:
        await set_timers(work, [look_timer(lead_id(1), lane.now)])
    (fired,) = await lane.due(log)
    async with asyncio.timeout(60), lane.database.transaction(lane.now) as work:
        await PostgresSegmentBook().lock(work, [lead_id(1)])
        firing = asyncio.create_task(lane.settle_segments(fired))
        while not await lane.fetch("SELECT 1 FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110
            await asyncio.sleep(0)
        await set_timers(work, [look_timer(lead_id(1), lane.now)])
    assert await firing == [Skipped("timer_not_live", lead_id(1))]


class Halting(PostgresSegmentBook):
    """Stops after it has looked who is who, until it is told to go on."""

    def __init__(self) -> None:
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def survivors(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, str]:
        found = await super().survivors(work, lead_ids)
        self.reached.set()
        await self.go_on.wait()
        return found


async def test_who_is_merged_away_during_a_look_enters_nothing(lane: ScoringLane) -> None:
    log, book = Log(), Halting()
    await lane.settle(log.captured(0), log.captured(1))
    await lane.settle_segments(log.scored(1))
    await lane.settle(log.captured(1, 2, title="CEO"))
    halting = segments_lane(active_segments(), book, max_records=2000, pause_lag=0)
    settling = Settling(halting, halting.group, lane.database, lambda: lane.now)
    looking = asyncio.create_task(settling.settle([log.scored(1)], {}))
    await asyncio.wait_for(book.reached.wait(), 30)
    await lane.settle_segments(log.merged(0, 1, 5)._replace(partition=1))  # before scoring's own lane has heard of it
    book.go_on.set()
    try:
        await asyncio.wait_for(looking, 60)
    except Exception as error:
        if not is_transient(error):
            raise
        await settling.settle([log.scored(1)], {})
    assert await members(lane, 1) == "{}"


async def test_a_date_to_come_back_changes_nothing_of_what_was_said_of_the_winner(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(0), log.captured(1))
    said = {"reason": "budget", "resume_at": "2026-02-01"}
    await lane.settle(log.command("interest.state", {"lead_id": lead_id(1), "interest": "not_now", **said}))
    lane.turn(hours=1)
    refused = {"lead_id": lead_id(0), "interest": "disinterested", "reason": "asked us to stop"}
    await lane.settle(log.command("interest.state", refused, command=2))
    merge = log.merged(0, 1, 5)
    await lane.settle(merge)
    await lane.settle_segments(merge)
    assert "gone" in await members(lane, 0)
    lane.turn(days=60)
    outcomes = await lane.settle_segments(*await lane.due(log))
    assert not [each for each in outcomes if not isinstance(each, Skipped)]
    assert "gone" in await members(lane, 0)
