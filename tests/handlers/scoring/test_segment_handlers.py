"""Segments on real Postgres, batch by batch, without Kafka: what moves, once, and what a recount finds."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from services.scoring.seed import DEFAULT_SEGMENTS
from services.scoring.segments.domain.interest import STATED_KIND
from services.scoring.segments.handlers.due import PAGE
from services.scoring.segments.keeping import forget_old
from shared.handling.outcomes import Rejected, Skipped
from shared.handling.records import Record
from shared.runtime.service import Service
from tests.support.erasing import erased
from tests.support.scoring import NOW, Log, ScoringLane, lead_id
from tests.support.segments import PRICING, SEGMENTS, fire, members, moves, segments_lane_on
from tests.support.stack import Servers

pytestmark = pytest.mark.stack


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    async with segments_lane_on(own.postgres) as made:
        yield made


async def test_a_scored_lead_enters_what_it_meets_and_leaves_it(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, title="CEO"))
    (entered,) = await lane.settle_segments(log.scored(1))
    assert moves(entered) == [("segment.entered", "chiefs")]
    (event,) = entered.events
    assert event.key == lead_id(1).encode() and orjson.loads(event.data)["lead_id"] == lead_id(1)
    await lane.settle(log.captured(1, 2, title="Clerk"))
    (left,) = await lane.settle_segments(log.scored(1))
    assert moves(left) == [("segment.exited", "chiefs")]
    assert orjson.loads(left.events[0].data)["since"] == orjson.loads(event.data)["entered_at"]
    (nothing,) = await lane.settle_segments(log.scored(1))
    assert nothing == Skipped("no_segment_moves", lead_id(1))


async def test_several_records_about_a_lead_in_one_batch_lead_to_one_move(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, title="CEO"), log.captured(2, title="CEO"))
    outcomes = await lane.settle_segments(log.scored(1), log.scored(2), log.scored(1))
    assert [moves(each) for each in outcomes] == [[("segment.entered", "chiefs")], [("segment.entered", "chiefs")], []]


async def test_a_redelivery_publishes_the_same_events_and_moves_nothing(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, title="CEO"))
    record = log.scored(1)
    (first,) = await lane.settle_segments(record)
    lane.turn(hours=1)
    await lane.settle(log.captured(1, 2, title="Clerk"))
    (again,) = await lane.settle_segments(record)  # before the second score is looked at
    assert again == first
    (left,) = await lane.settle_segments(log.scored(1))
    assert moves(left) == [("segment.exited", "chiefs")]
    (other,) = await lane.settle_segments(record._replace(offset=record.offset + 500))
    assert other == Skipped("no_segment_moves", lead_id(1))  # another record with the same event


async def test_what_a_lead_does_counts_once_and_only_while_it_is_recent(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    first, second = (log.did(1, "page.viewed", NOW, **PRICING) for _ in range(2))
    assert [moves(each) for each in await lane.settle_segments(first)] == [[]]
    assert [moves(each) for each in await lane.settle_segments(first)] == [[]]  # the same one again
    (keen,) = await lane.settle_segments(second)
    assert moves(keen) == [("segment.entered", "keen")]
    lane.turn(days=29, hours=23)
    assert await fire(lane, log) == []
    lane.turn(hours=1)
    assert [moves(each) for each in await fire(lane, log)] == [[("segment.exited", "keen")]]
    assert await fire(lane, log) == []


async def test_a_machines_doings_count_nothing_also_when_that_is_seen_later(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    views = [log.did(1, "page.viewed", NOW, **PRICING, human=n > 0) for n in range(3)]
    outcomes = await lane.settle_segments(*views)
    assert await members(lane, 1) == ["keen"] and [move for each in outcomes for move in moves(each)] != []
    (left,) = await lane.settle_segments(log.corrected(1, views[1], human=False))
    assert moves(left) == [("segment.exited", "keen")]
    (back,) = await lane.settle_segments(log.corrected(1, views[0], human=True))
    assert moves(back) == [("segment.entered", "keen")]
    (gone,) = await lane.settle_segments(log.corrected(1, views[0], change="retracted"))
    assert moves(gone) == [("segment.exited", "keen")]


async def test_an_older_correction_that_comes_late_changes_nothing(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    views = [log.did(1, "page.viewed", NOW, **PRICING) for _ in range(2)]
    await lane.settle_segments(*views)
    first, second, third = (
        log.corrected(1, views[0], human=human, minute=minute) for minute, human in enumerate((False, True, False))
    )
    (stays,) = await lane.settle_segments(second)
    assert moves(stays) == []
    (late,) = await lane.settle_segments(first)
    assert moves(late) == [] and await members(lane, 1) == ["keen"]
    left, again = await lane.settle_segments(third, log.corrected(1, views[0], human=True, minute=1))
    assert [move for each in (left, again) for move in moves(each)] == [("segment.exited", "keen")]


async def test_behaviour_before_the_score_counts_with_it(lane: ScoringLane) -> None:
    log = Log()
    (early, _) = await lane.settle_segments(*(log.did(1, "page.viewed", NOW, **PRICING) for _ in range(2)))
    assert moves(early) == []
    await lane.settle(log.captured(1))
    (scored,) = await lane.settle_segments(log.scored(1))
    assert moves(scored) == [("segment.entered", "keen")]


async def test_a_merge_takes_along_what_the_loser_did_and_an_unmerge_gives_it_back(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1), log.captured(2, title="CEO"))
    await lane.settle_segments(log.scored(1), log.scored(2))
    await lane.settle_segments(*(log.did(n, "page.viewed", NOW, **PRICING) for n in (1, 2)))
    assert (await members(lane, 1), await members(lane, 2)) == ([], ["chiefs"])
    merge = log.merged(1, 2, 5)
    await lane.settle(merge)
    (merged,) = await lane.settle_segments(merge)
    assert sorted(moves(merged)) == [("segment.entered", "keen"), ("segment.exited", "chiefs")]
    assert {orjson.loads(each.data).get("reason") for each in merged.events} == {None, "lead_gone"}
    assert (await members(lane, 1), await members(lane, 2)) == (["keen"], [])
    (late,) = await lane.settle_segments(log.did(2, "page.viewed", NOW, **PRICING))
    assert moves(late) == []
    parts = [log.unmerged(1, 2, 6, about, title="CEO" if about == 2 else "x") for about in (1, 2)]
    await lane.settle(*parts)
    await lane.settle_segments(*parts)
    assert (await members(lane, 1), await members(lane, 2)) == ([], ["chiefs", "keen"])


async def test_interest_is_said_by_command_and_comes_back_on_its_date(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    await lane.settle_segments(log.scored(1))
    said = {"lead_id": lead_id(1), "interest": "not_now", "reason": "budget", "resume_at": "2026-02-01"}
    command = log.command("interest.state", said)
    (done,) = await lane.settle(command)
    assert [each.envelope.type for each in done.events] == ["interest.changed", "command.completed"]
    lane.turn(seconds=1)
    (again,) = await lane.settle(command)
    assert again.events[0] == done.events[0]
    assert [moves(each) for each in await fire(lane, log)] == [[("segment.entered", "later")]]
    lane.turn(days=26)
    assert await fire(lane, log) == []
    lane.turn(days=1)
    (resumed,) = await fire(lane, log)
    assert moves(resumed) == [("interest.changed", ""), ("segment.exited", "later"), ("segment.entered", "back")]
    assert await fire(lane, log) == []


async def test_interest_is_said_by_an_event_and_the_newest_stands(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    put_off = {"properties": {"class": "not_now", "reason": "budget", "resume_at": "2026-02-01"}}
    later, earlier = NOW, NOW - timedelta(days=1)
    (first,) = await lane.settle_segments(log.did(1, STATED_KIND, later, **put_off))
    assert moves(first) == [("interest.changed", ""), ("segment.entered", "later")]
    older = {"properties": {"class": "interested", "reason": "called"}}
    (second,) = await lane.settle_segments(log.did(1, STATED_KIND, earlier, **older))
    assert moves(second) == [("interest.changed", "")] and await members(lane, 1) == ["later"]
    (newest,) = await lane.settle_segments(log.did(1, STATED_KIND, later + timedelta(hours=1), **older))
    assert moves(newest) == [("interest.changed", ""), ("segment.exited", "later")]
    lane.turn(days=60)
    assert await fire(lane, log) == []  # nothing to come back to
    (odd,) = await lane.settle_segments(log.did(1, STATED_KIND, later, properties={"class": "maybe"}))
    assert moves(odd) == []


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"interest": "maybe"}, "invalid_interest"),
        ({"interest": "interested", "resume_at": "2026-02-01"}, "invalid_interest"),
        ({"interest": "not_now", "lead_id": lead_id(404)}, "unknown_lead"),
        ({"interest": "not_now", "lead_id": "nobody"}, "unknown_lead"),
    ],
)
async def test_a_statement_that_cannot_be_is_refused(lane: ScoringLane, said: dict[str, Any], reason: str) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    (refused,) = await lane.settle(log.command("interest.state", {"lead_id": lead_id(1), "reason": "x", **said}))
    assert (refused.outcome, refused.reason) == ("refused", reason)


async def test_new_rules_reach_leads_that_nothing_happens_to(lane: ScoringLane) -> None:
    log, count = Log(), PAGE + 3
    await lane.settle(*(log.captured(n, title="CEO") for n in range(count)))
    await lane.settle_segments(*(log.scored(n) for n in range(count)))
    await lane.settle(log.publish(SEGMENTS.replace("eq: CEO", "eq: Boss").replace("id: back", "id: chief-of-all")
                                  .replace("interest.reason, eq: resumed", "title, contains: CEO"),
                                  kind="segments", command=2))  # fmt: skip
    told: list[tuple[str, str]] = []
    pages = 0
    while outcomes := await fire(lane, log):
        pages += 1
        told += [move for each in outcomes for move in moves(each)]
    assert pages == 2
    assert told.count(("segment.exited", "chiefs")) == told.count(("segment.entered", "chief-of-all")) == count
    (run,) = await lane.fetch("SELECT * FROM segment_recounts WHERE reason = 'version 3'")
    assert (run["looked"], run["moved"], run["ended_at"] is not None) == (count, count, True)


async def test_a_recount_finds_nothing_to_change(lane: ScoringLane) -> None:
    """Whatever led to the segments, looking at everybody afresh agrees with it."""
    log = Log()
    await lane.settle(*(log.captured(n, title="CEO" if n % 2 else "x") for n in range(30)))
    await lane.settle_segments(*(log.scored(n) for n in range(30)))
    ages = [(n % 30, (n % 30) / 2 + n // 30 * 8) for n in range(90)]
    views = [log.did(n, "page.viewed", NOW - timedelta(days=age), **PRICING) for n, age in ages]
    await lane.settle_segments(*views)
    lane.turn(days=11)
    await fire(lane, log)
    before = await lane.fetch("SELECT lead_id, members FROM segment_leads ORDER BY lead_id")
    assert any("keen" in row["members"] for row in before) and not all("keen" in row["members"] for row in before)
    (done,) = await lane.settle(log.command("segments.recount", {"reason": "to be sure"}, command=7))
    assert done.outcome == "done"
    assert [moves(each) for each in await fire(lane, log)] == [[]]
    assert await lane.fetch("SELECT lead_id, members FROM segment_leads ORDER BY lead_id") == before
    (run,) = await lane.fetch("SELECT looked, moved FROM segment_recounts WHERE reason = 'to be sure'")
    assert dict(run) == {"looked": 30, "moved": 0}


async def test_who_was_erased_is_in_no_segment_whatever_comes_late(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, title="CEO"))
    said = {"properties": {"class": "not_now", "reason": "budget"}}
    await lane.settle_segments(log.scored(1), log.did(1, STATED_KIND, NOW, **said))
    assert await members(lane, 1) == ["chiefs", "later"]
    await lane.settle(log.record("leads.erased.v1", "lead.erased", erased(9, lead_id(1))))
    late: Sequence[Record] = [
        log.scored(1),
        log.did(1, "page.viewed", NOW),
        log.did(1, STATED_KIND, NOW, **said),
    ]
    assert [moves(each) for each in await lane.settle_segments(*late)] == [[], [], []]
    for table in ("segment_leads", "segment_behaviours", "lead_interests"):
        assert await lane.fetch(f"SELECT * FROM {table}") == [], table


async def test_a_conversion_makes_a_customer_and_a_referral_an_advocate(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.publish(DEFAULT_SEGMENTS.read_text(), kind="segments", command=5))
    await lane.settle(log.captured(1, state="lead"))
    await lane.settle_segments(log.scored(1))
    assert await members(lane, 1) == ["nurture"]
    data = {"lead_id": lead_id(1), "converted_at": NOW.isoformat()}
    converted = log.record("opportunities.converted.v1", "opportunity.converted", orjson.dumps(data))
    (customer,) = await lane.settle_segments(converted)
    assert sorted(moves(customer)) == [("segment.entered", "customers"), ("segment.exited", "nurture")]
    (advocate,) = await lane.settle_segments(log.did(1, "referral.made", NOW))
    assert moves(advocate) == [("segment.entered", "advocates")]


async def test_what_counts_no_more_is_forgotten(lane: ScoringLane) -> None:
    log = Log()
    for days_ago, kind in [(401, "page.viewed"), (399, "page.viewed"), (401, "referral.made"), (3652, "referral.made")]:
        await lane.settle_segments(log.did(1, kind, NOW - timedelta(days=days_ago)))
    await lane.settle(log.captured(1, title="CEO"))
    await lane.settle_segments(log.scored(1))
    lane.turn(hours=1)
    service = cast(Service, SimpleNamespace(database=lane.database, clock=lambda: lane.now))
    await forget_old(service)
    kept = await lane.fetch("SELECT kind, at FROM segment_behaviours ORDER BY at")
    ages = [(row["kind"], (NOW - row["at"]).days) for row in kept]
    assert ages == [("referral.made", 401), ("page.viewed", 399)]
    assert len(await lane.fetch("SELECT 1 FROM segment_moves")) == 1
    lane.turn(days=101)
    await forget_old(service)
    assert await lane.fetch("SELECT 1 FROM segment_moves") == []


async def test_a_key_that_is_no_lead_is_a_dead_letter(lane: ScoringLane) -> None:
    log = Log()
    (rejected,) = await lane.settle_segments(log.scored(1)._replace(key=b"nobody"))
    assert isinstance(rejected, Rejected) and rejected.reason == "no_lead_id"
