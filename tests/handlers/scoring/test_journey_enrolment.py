"""Enrolment on real Postgres: with `enrol: members` a publication begins the journey for those who are in the segment."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.scoring.journeys.handlers import enrolling
from shared.handling.outcomes import Skipped
from tests.support.journeys import RULES, begun, due, nurtured, segment, states, told
from tests.support.scoring import Log, ScoringLane, scoring_lane
from tests.support.stack import Servers

pytestmark = pytest.mark.stack

MEMBERS = RULES.replace("    segment: nurture\n", "    segment: nurture\n    enrol: members\n")


@pytest.fixture
async def lane(own: Servers, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ScoringLane]:
    monkeypatch.setattr(enrolling, "PAGE", 3)
    async with scoring_lane(own.postgres) as made:
        yield made


async def publish(lane: ScoringLane, log: Log, rules: str = MEMBERS, command: int = 50) -> None:
    (outcome,) = await lane.settle(log.publish(rules, kind="journeys", command=command))
    assert outcome.outcome == "done", outcome


async def pages(lane: ScoringLane, log: Log) -> list[Any]:
    """What the pages of enrolments come to, one after the other; each of them is delivered twice."""
    outcomes = []
    while records := [each for each in await due(lane, log) if each.type == "journey.enrol_due"]:
        first = await lane.settle_journeys(*records)
        again = await lane.settle_journeys(*records)
        assert all(b == (a if told(a) else Skipped("timer_not_live")) for a, b in zip(first, again, strict=True))
        outcomes += first
    return outcomes


def entered(outcomes: list[Any]) -> int:
    return sum(action == "entered" for each in outcomes for _, action in told(each))


async def test_members_begin_once_page_by_page(lane: ScoringLane) -> None:
    log = Log()
    for n in range(7):
        await nurtured(lane, log, n)
    await lane.settle(log.captured(8))  # in no segment
    await publish(lane, log)
    outcomes = await pages(lane, log)
    assert [len(told(each)) for each in outcomes] == [9, 9, 3]  # entered, sent, waits
    assert len({event.envelope.event_id for each in outcomes for event in each.events}) == 21
    assert await states(lane) == [("active", None)] * 7
    # Neither their entry, told late, nor another publication begins it anew.
    assert told((await lane.settle_journeys(segment(log, 1)))[0]) == []
    await publish(lane, log, MEMBERS.replace("Hello", "Good day"), 51)
    assert entered(await pages(lane, log)) == 0
    assert len(await states(lane)) == 7


async def test_without_it_nobody_begins_by_a_publication(lane: ScoringLane) -> None:
    log = Log()
    await nurtured(lane, log)
    await publish(lane, log, RULES)
    assert (await pages(lane, log), await states(lane)) == ([], [])
    await publish(lane, log, MEMBERS, 51)
    await publish(lane, log, RULES, 52)  # before its page was due
    assert (entered(await pages(lane, log)), await states(lane)) == (0, [])


async def test_who_went_through_it_begins_again_only_as_on_entering(lane: ScoringLane) -> None:
    log = Log()
    await publish(lane, log, RULES)
    await begun(lane, log)
    lane.turn(days=4)
    await lane.settle_journeys(*await due(lane, log))
    assert await states(lane) == [("done", None)]
    await publish(lane, log, MEMBERS, 51)
    assert entered(await pages(lane, log)) == 0
    lane.turn(days=90)
    await publish(lane, log, MEMBERS.replace("Hello", "Good day"), 52)
    assert entered(await pages(lane, log)) == 1
    assert await states(lane) == [("done", None), ("active", None)]


async def test_leaving_ends_what_began_by_enrolment(lane: ScoringLane) -> None:
    log = Log()
    await nurtured(lane, log)
    (row,) = await lane.fetch("SELECT members ->> 'nurture' AS since FROM segment_leads")
    lane.turn(days=1)
    await publish(lane, log)
    await pages(lane, log)
    (left,) = await lane.settle_journeys(segment(log, 1, "exited", since=row["since"]))
    assert told(left) == [("pause", "exited")]
    assert await states(lane) == [("exited", "left_segment")]
