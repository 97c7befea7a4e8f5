"""Journeys on real Postgres, batch by batch, without Kafka: each step once, and nothing newer undone by what is late."""

from collections.abc import AsyncIterator
from datetime import timedelta

import orjson
import pytest

from shared.contracts.envelope import rfc3339
from shared.contracts.topics import CONVERTED
from shared.handling.outcomes import Skipped
from tests.support.journeys import RULES, begun, due, nurtured, published, segment, states, told
from tests.support.scoring import NOW, Log, ScoringLane, lead_id, scoring_lane
from tests.support.stack import Servers

pytestmark = pytest.mark.stack


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(own.postgres) as made:
        (published,) = await made.settle(Log(1_000_000).publish(RULES, kind="journeys", command=99))
        assert published.outcome == "done", published
        yield made


async def test_a_lead_goes_through_a_journey_step_by_step(lane: ScoringLane) -> None:
    log = Log()
    outcome = await begun(lane, log)
    assert told(outcome) == [("hello", "entered"), ("hello", "sent"), ("pause", "waits")]
    assert len({event.envelope.event_id for event in outcome.events}) == 3
    assert await due(lane, log) == []
    lane.turn(days=2)
    await lane.settle_segments(log.did(1, "mail.opened", lane.now))
    lane.turn(days=1)
    (timer,) = await due(lane, log)
    (moved,) = await lane.settle_journeys(timer)
    assert told(moved) == [("opened", "branched"), ("gift", "offered"), ("bye", "ended")]
    assert (await states(lane), await due(lane, log)) == ([("done", None)], [])


async def test_what_was_done_before_the_journey_began_does_not_count(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle_segments(log.did(1, "mail.opened", NOW - timedelta(days=1)))
    await begun(lane, log)
    lane.turn(days=3)
    (moved,) = await lane.settle_journeys(*await due(lane, log))
    assert told(moved) == [("opened", "branched"), ("bye", "ended")]


async def test_a_redelivery_publishes_the_same_events_and_moves_nothing(lane: ScoringLane) -> None:
    log = Log()
    await nurtured(lane, log)
    entered = segment(log, 1)
    (first,) = await lane.settle_journeys(entered)
    lane.turn(days=3)
    (timer,) = await due(lane, log)
    (second,) = await lane.settle_journeys(timer)
    again = await lane.settle_journeys(entered, timer)
    assert again == [first, second]
    (twice,) = await lane.settle_journeys(timer._replace(offset=timer.offset + 500))
    assert twice == Skipped("timer_not_live", lead_id(1))
    (other,) = await lane.settle_journeys(entered._replace(offset=entered.offset + 500))
    assert told(other) == []


async def test_a_timer_that_fires_before_the_runs_own_clock_says_so_is_set_anew(lane: ScoringLane) -> None:
    """Another replica's clock may be ahead of ours, and a clock may be set back."""
    log = Log()
    await begun(lane, log)
    lane.turn(days=3)
    (early,) = await due(lane, log)
    lane.turn(seconds=-2)
    assert [told(each) for each in await lane.settle_journeys(early)] == [[]]
    lane.turn(seconds=2)
    (moved,) = await lane.settle_journeys(*await due(lane, log))
    assert told(moved) == [("opened", "branched"), ("bye", "ended")]


async def test_nobody_begins_twice_before_the_time_is_over(lane: ScoringLane) -> None:
    log = Log()
    await begun(lane, log)
    assert [told(each) for each in await lane.settle_journeys(segment(log, 1))] == [[]]
    await lane.settle_journeys(segment(log, 1, "exited"))
    lane.turn(days=89)
    assert [told(each) for each in await lane.settle_journeys(segment(log, 1))] == [[]]
    lane.turn(days=1)
    (again,) = await lane.settle_journeys(segment(log, 1))
    assert told(again)[0] == ("hello", "entered")
    assert await states(lane) == [("exited", "left_segment"), ("active", None)]


async def test_leaving_the_segment_and_converting_end_it_and_nothing_more_is_sent(lane: ScoringLane) -> None:
    log = Log()
    for n in (1, 2):
        outcome = await begun(lane, log, n)
        if n == 1:
            await lane.settle_journeys(*published(log, outcome))
    (left,) = await lane.settle_journeys(segment(log, 1, "exited"))
    assert told(left) == [("pause", "exited")]
    converted = orjson.dumps({"lead_id": lead_id(2)})
    (ended,) = await lane.settle_journeys(log.record(CONVERTED, "opportunity.converted", converted))
    assert told(ended) == [("pause", "exited")]
    assert sorted(await states(lane), key=str) == [("exited", "converted"), ("exited", "left_segment")]
    assert {row["state"] for row in await lane.fetch("SELECT state FROM journey_sends")} == {"dropped"}
    lane.turn(days=5)
    assert await due(lane, log) == []


async def test_what_is_told_late_ends_and_begins_nothing_newer(lane: ScoringLane) -> None:
    """A replay brings old records: those of an earlier stay in the segment, and of a conversion before this one."""
    log = Log()
    await nurtured(lane, log)
    (run,) = await lane.fetch("SELECT members FROM segment_leads")
    entered_at = orjson.loads(run["members"])["nurture"]
    (outcome,) = await lane.settle_journeys(segment(log, 1, entered_at=entered_at))
    assert told(outcome) != []
    earlier = rfc3339(NOW - timedelta(hours=1))
    converted = orjson.dumps({"lead_id": lead_id(1), "converted_at": earlier})
    late = [
        segment(log, 1, "exited", since=earlier, exited_at=earlier),
        log.record(CONVERTED, "opportunity.converted", converted),
    ]
    assert [told(each) for each in await lane.settle_journeys(*late)] == [[], []]
    (left,) = await lane.settle_journeys(segment(log, 1, "exited", since=entered_at))
    assert told(left) == [("pause", "exited")]
    # Who has left meanwhile does not begin, however late its entry is told.
    await lane.settle(log.captured(2))
    (nothing,) = await lane.settle_journeys(segment(log, 2, entered_at=earlier))
    assert told(nothing) == []
    await lane.settle(log.publish(RULES.replace("    segment: nurture", "    segment: nurture\n    stay: false"),
                                  kind="journeys", command=2))  # fmt: skip
    (begins,) = await lane.settle_journeys(segment(log, 2, entered_at=earlier))
    assert told(begins)[0] == ("hello", "entered")


async def test_caps_count_the_messages_of_all_journeys(lane: ScoringLane) -> None:
    log = Log()
    two = RULES.replace("  - id: welcome", "  - id: other\n    segment: nurture\n    steps:\n"
                        "      - {id: a, send: {channel: email, text: a}}\n"
                        "      - {id: b, send: {channel: email, text: b}}\n  - id: welcome")  # fmt: skip
    await lane.settle(log.publish(two, kind="journeys", command=2))
    outcome = await begun(lane, log)
    actions = [action for _, action in told(outcome)]
    assert actions.count("sent") == 2 and actions.count("held") == 1
    lane.turn(days=7)
    moved = await lane.settle_journeys(*await due(lane, log))
    assert [action for each in moved for _, action in told(each)].count("sent") == 1
