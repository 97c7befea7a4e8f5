"""Looks at leads on real Postgres: those that time asks for, and what a score carries."""

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.scoring.segments.handlers.due import NOBODY, PAGE
from services.scoring.segments.keeping import remind_of_looks
from shared.handling.outcomes import Skipped
from shared.runtime.service import Service
from tests.support.scoring import NOW, Log, ScoringLane, lead_id
from tests.support.segments import PRICING, fire, members, moves, named, segments_lane_on, sent, timers_of
from tests.support.stack import Servers

pytestmark = pytest.mark.stack


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    async with segments_lane_on(own.postgres) as made:
        yield made


async def test_a_timer_that_is_sent_twice_moves_once_and_a_late_one_nothing(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    await lane.settle_segments(*(log.did(1, "page.viewed", NOW, **PRICING) for _ in range(2)))
    (timer,) = await timers_of(lane, "segments.looks_due")
    lane.turn(days=30)
    fired = sent(log, timer)
    (page,) = await lane.settle_segments(fired)
    (look,) = named(log, [page])
    assert await lane.settle_segments(fired) == [page]  # a redelivery before the look names the same lead again
    (left,) = await lane.settle_segments(look)
    assert moves(left) == [("segment.exited", "keen")]
    (again,) = await lane.settle_segments(look)
    assert again == left
    (twice,) = await lane.settle_segments(look._replace(offset=look.offset + 500))
    assert twice == Skipped("no_segment_moves", lead_id(1))
    assert await lane.settle_segments(fired._replace(offset=fired.offset + 500)) == [Skipped(NOBODY)]


async def test_leads_of_the_same_moment_share_a_timer_and_come_in_pages(lane: ScoringLane) -> None:
    log, many = Log(), 2 * PAGE + 3
    for start in range(0, many, 500):
        some = range(start, min(many, start + 500))
        await lane.settle(*(log.captured(n) for n in some))
        views = [
            log.did(n, "page.viewed", NOW + timedelta(milliseconds=n + 1), **PRICING) for n in some for _ in range(2)
        ]
        await lane.settle_segments(*views)
    assert len(await timers_of(lane, "segments.looks_due")) == 1
    lane.turn(days=30, seconds=5)
    outcomes: list[Any] = []
    while fired := await fire(lane, log):
        outcomes += fired
    assert sorted(len(moves(each)) for each in outcomes) == [1] * many
    assert await lane.fetch("SELECT 1 FROM segment_leads WHERE members <> '{}' OR look_at IS NOT NULL") == []


async def test_who_did_something_meanwhile_is_not_looked_at_by_the_timer_that_was(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    await lane.settle_segments(*(log.did(1, "page.viewed", NOW, **PRICING) for _ in range(2)))
    lane.turn(days=3)
    await lane.settle_segments(*(log.did(1, "page.viewed", lane.now, **PRICING) for _ in range(3)))
    earlier, later = sorted(await timers_of(lane, "segments.looks_due"), key=lambda timer: timer.due_at)
    lane.turn(days=27)
    assert await lane.settle_segments(sent(log, earlier)) == [Skipped(NOBODY)]
    assert await members(lane, 1) == ["keen"]
    lane.turn(days=3)
    (left,) = await fire(lane, log)
    assert later.due_at == lane.now and moves(left) == [("segment.exited", "keen")]


async def test_who_was_to_be_looked_at_and_was_not_is_reminded_of(lane: ScoringLane) -> None:
    log = Log()
    service = cast(Service, SimpleNamespace(database=lane.database, clock=lambda: lane.now))
    await lane.settle(log.captured(1))
    await lane.settle_segments(*(log.did(1, "page.viewed", NOW, **PRICING) for _ in range(2)))
    await lane.fetch("DELETE FROM timers RETURNING 1")
    lane.turn(days=30, minutes=59)
    await remind_of_looks(service)
    assert await fire(lane, log) == []  # its own timer may yet come
    lane.turn(minutes=2)
    await remind_of_looks(service)
    (left,) = await fire(lane, log)
    assert moves(left) == [("segment.exited", "keen")]
    await remind_of_looks(service)
    assert await timers_of(lane, "segments.looks_due") == []


async def test_what_a_score_carries_counts_where_it_is_the_newest(lane: ScoringLane) -> None:
    log = Log()
    (first,) = await lane.settle(log.captured(1, title="CEO"))
    carried = log.scored(1)._replace(value=first.events[0].data)
    (second,) = await lane.settle(log.captured(1, 2, title="Clerk"))
    assert await lane.settle_segments(carried) == [Skipped("no_segment_moves", lead_id(1))]  # it is older by now
    await lane.settle(log.captured(1, 3, title="CEO"))
    newest = log.captured(1, 4, title="CEO")
    (third,) = await lane.settle(newest)
    (entered,) = await lane.settle_segments(log.scored(1)._replace(value=third.events[0].data))
    assert moves(entered) == [("segment.entered", "chiefs")]
    (stale,) = await lane.settle_segments(log.scored(1)._replace(value=second.events[0].data))
    assert moves(stale) == []
    assert await members(lane, 1) == ["chiefs"]
