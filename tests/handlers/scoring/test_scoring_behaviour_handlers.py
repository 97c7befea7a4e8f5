"""Behaviour on real Postgres, batch by batch: scores follow it once, whatever the order, through merges and erasures."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import orjson
import pytest

from services.scoring.adapters.logs import forget_deeds
from services.scoring.domain.behaviour import KEPT_DAYS
from shared.contracts.events.scoring import LeadScored
from shared.contracts.topics import ERASED, SCORED
from shared.handling.outcomes import Produced, Skipped
from shared.messaging.timers import NOT_LIVE
from tests.support.erasing import CANARY, erased, remains
from tests.support.scoring import NOW, Log, ScoringLane, lead_id, scoring_lane
from tests.support.stack import Servers

pytestmark = pytest.mark.stack

FADING = """\
kind: scoring
name: fading
rules: [{id: fit, points: 10}]
behaviour:
  - {id: form, event: form.submitted, points: 80, once_per: ever, decay: {half_life_days: 30}}
  - {id: page, event: page.viewed, points: 5, once_per: asset, cap: 20}
"""


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(own.postgres) as made:
        await made.settle(Log(10_000).publish(FADING))
        yield made


def told(outcome: Any) -> dict[str, Any]:
    """The score of the one event that went out, checked against the whole contract."""
    assert isinstance(outcome, Produced), outcome
    (event,) = [each for each in outcome.events if each.topic == SCORED]
    LeadScored.model_validate_json(event.data, strict=True)
    return orjson.loads(event.data)["score"]  # type: ignore[no-any-return]


async def stored(lane: ScoringLane, n: int) -> dict[str, Any]:
    return orjson.loads((await lane.row(n))["score"])  # type: ignore[no-any-return]


async def test_what_a_lead_does_scores_and_explains_itself(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    visit = log.behaved(1, path="/prices", properties={"url": "https://shop.example/prices"})
    (outcome,) = await lane.settle(visit)
    score = told(outcome)
    assert (score["value"], score["fit"], score["engagement"]) == (15, 10, 5)
    assert score["contributions"][1] == {
        "rule": "page", "axis": "engagement", "points": 5, "reason": "page", "matched": [],
        "events": [visit.event_id], "count": 1,
    }  # fmt: skip
    assert (await lane.row(1))["score_version"] == 2
    assert await stored(lane, 1) == score


async def test_a_batch_tells_each_lead_once_and_only_news(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1), log.captured(2))
    records = [log.behaved(n, properties={"url": f"/{page}"}) for page in "ab" for n in (1, 2)]
    outcomes = await lane.settle(*records)
    assert [each.outcome for each in outcomes] == ["counted", "counted", "scored", "scored"]
    assert told(outcomes[2])["engagement"] == 10
    (again,) = await lane.settle(log.behaved(1, properties={"url": "/a"}))
    assert (again.outcome, again.events) == ("counted", ())
    assert (await lane.row(1))["score_version"] == 2


async def test_a_redelivery_changes_nothing_and_publishes_the_same_ids(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    records = [log.behaved(1, properties={"url": "/a"}), log.behaved(1, properties={"url": "/b"})]
    first = await lane.settle(*records)
    before = await lane.row(1)
    second = await lane.settle(*records)
    assert [each.events for each in second] == [each.events for each in first]
    apart = [(await lane.settle(record))[0] for record in reversed(records)]
    assert [each.events for each in apart] == [first[1].events, ()]
    assert await lane.row(1) == before


async def test_machines_clicks_count_nothing_until_they_are_seen_otherwise(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    click = log.behaved(1, "form.submitted", human=False, human_probability=0.02)
    (outcome,) = await lane.settle(click)
    assert (outcome.outcome, outcome.events) == ("counted", ())
    (outcome,) = await lane.settle(log.corrected(1, click, human=True, minute=1))
    assert told(outcome)["engagement"] == 80
    (outcome,) = await lane.settle(log.corrected(1, click, change="retracted", minute=2))
    assert told(outcome)["engagement"] == 0
    assert await lane.settle(log.corrected(1, click, human=True, minute=1)) == [Skipped("no_news", lead_id(1))]


async def test_a_correction_that_comes_first_waits_for_its_event(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    click = log.behaved(1, "form.submitted")
    await lane.settle(log.corrected(1, click, human=False, minute=1))
    (outcome,) = await lane.settle(click)
    assert outcome.outcome == "counted"
    assert (await stored(lane, 1))["engagement"] == 0


async def test_behaviour_before_its_lead_counts_with_the_first_submission(lane: ScoringLane) -> None:
    log = Log()
    form = log.behaved(1, "form.submitted")
    (outcome,) = await lane.settle(form)
    assert (outcome.outcome, outcome.events) == ("kept", ())
    (again,) = await lane.settle(form)
    assert again == outcome
    (scored,) = await lane.settle(log.captured(1))
    assert told(scored)["engagement"] == 80


@pytest.mark.parametrize("order", ["merge first", "behaviour first", "winner knows"])
async def test_a_merge_counts_each_event_once_and_unmerging_gives_each_its_own(lane: ScoringLane, order: str) -> None:
    log = Log()
    await lane.settle(log.captured(1), log.captured(2))
    shared = [log.behaved(2, properties={"url": "/a"}), log.behaved(2, properties={"url": "/b"})]
    own = log.behaved(1, properties={"url": "/a"})
    if order == "merge first":
        await lane.settle(log.merged(1, 2, 2))
        await lane.settle(own, *shared)
    else:
        await lane.settle(*shared, *([own] if order == "winner knows" else []))
        await lane.settle(log.merged(1, 2, 2))
        if order == "behaviour first":
            await lane.settle(own)
    assert (await stored(lane, 1))["engagement"] == 10  # both saw /a
    (outcome, *_) = await lane.settle(log.unmerged(1, 2, 3, about=1), log.unmerged(1, 2, 3, about=2))
    assert told(outcome)["engagement"] == 5
    assert (await stored(lane, 1))["engagement"] == 5
    assert (await stored(lane, 2))["engagement"] == 10


async def test_a_lead_merged_into_a_merged_one_brings_its_behaviour_to_the_last(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(*(log.captured(n) for n in (1, 2, 3)))
    await lane.settle(log.behaved(3, properties={"url": "/a"}))
    await lane.settle(log.merged(1, 2, 3))
    (late,) = await lane.settle(log.merged(2, 3, 2))  # came after 2 was merged away
    assert told(late)["engagement"] == 5
    assert late.subject == lead_id(1)
    assert (await stored(lane, 1))["engagement"] == 5


async def test_a_merge_that_is_told_late_still_brings_its_behaviour(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1), log.captured(2))
    await lane.settle(log.behaved(2, properties={"url": "/a"}))
    await lane.settle(log.captured(1, 5))  # newer than the merge
    (late,) = await lane.settle(log.merged(1, 2, 4))
    assert told(late)["engagement"] == 5


async def test_the_same_history_in_another_order_gives_the_same_score(lane: ScoringLane, own: Servers) -> None:
    log = Log()
    leads = [log.captured(1), log.captured(2)]
    done = [log.behaved(1 + n % 2, properties={"url": f"/{n % 3}"}, days_ago=n) for n in range(6)]
    done += [log.behaved(2, "form.submitted", days_ago=20), log.corrected(1, done[0], human=False, minute=1)]
    merge = log.merged(1, 2, 2)
    await lane.settle(*leads)
    for record in done:
        await lane.settle(record)
    await lane.settle(merge)
    expected = await stored(lane, 1)
    for table in ("lead_scores", "lead_behaviours", "aliases", "decisions", "timers"):
        await lane.fetch(f"DELETE FROM {table} RETURNING 1")
    await lane.settle(*reversed(done))
    await lane.settle(merge)
    await lane.settle(*leads)
    assert (await stored(lane, 1))["contributions"] == expected["contributions"]
    assert (await stored(lane, 1))["value"] == expected["value"]


PERSONAS = """\
kind: scoring
rules: [{id: fit, points: 10}]
personas:
  - id: chief
    when: {field: title, contains: ceo}
    rules: [{id: decides, points: 50}]
  - id: reader
    when: {field: title, contains: analyst}
    behaviour: [{id: page, event: page.viewed, points: 5}]
"""


async def test_every_model_runs_and_the_persona_of_the_lead_is_told(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.publish(PERSONAS, command=2))
    (first,) = await lane.settle(log.captured(1, title="CEO"))
    assert (told(first)["persona"], told(first)["value"]) == ("chief", 50)
    (seen,) = await lane.settle(log.behaved(1))  # makes no difference to the chief's model, but to another
    assert [(each["persona"], each["value"]) for each in told(seen)["models"]] == [
        ("default", 10), ("chief", 50), ("reader", 15),
    ]  # fmt: skip
    (turned,) = await lane.settle(log.captured(1, 2, title="Analyst"))
    assert (told(turned)["persona"], told(turned)["value"]) == ("reader", 15)


# -- time ---------------------------------------------------------------------------------------------------------


async def test_a_score_cools_without_traffic_one_event_a_crossing(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    (outcome,) = await lane.settle(log.behaved(1, "form.submitted"))
    assert told(outcome)["temperature"] == "hot"
    crossings = []
    while (turns_at := (await lane.row(1))["turns_at"]) is not None:
        lane.now = turns_at - timedelta(milliseconds=1)
        assert await lane.due(log) == []
        lane.now = turns_at
        (command,) = await lane.due(log)
        first, twice = await lane.settle(command, log.record(command.topic, command.type, command.value or b""))
        assert twice == Skipped(NOT_LIVE, lead_id(1))
        score = told(first)
        assert score["scored_at"] == turns_at.isoformat().replace("+00:00", "Z")
        crossings.append((score["temperature"], score["level"]))
        again = await lane.settle(command)
        assert again[0].events == first.events
    assert crossings == [("hot", 2), ("warm", 3), ("warm", 4), ("cold", 4)]
    assert await lane.fetch("SELECT * FROM timers WHERE done_at IS NULL") == []


async def test_after_an_outage_every_crossing_is_told_as_of_its_time(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    await lane.settle(log.behaved(1, "form.submitted"))
    lane.now = NOW + timedelta(days=300)
    temperatures = []
    while due := await lane.due(log):
        (outcome,) = await lane.settle(*due)
        temperatures.append(told(outcome)["temperature"])
    assert temperatures == ["hot", "warm", "warm", "cold"]


async def test_fresh_behaviour_moves_the_timer_and_a_late_command_finds_nothing(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    await lane.settle(log.behaved(1, "form.submitted"))
    lane.now = (await lane.row(1))["turns_at"]
    (command,) = await lane.due(log)
    await lane.settle(log.behaved(1, "form.submitted", days_ago=-2))
    assert await lane.settle(command) == [Skipped(NOT_LIVE, lead_id(1))]
    assert (await lane.row(1))["turns_at"] > lane.now


async def test_a_merged_lead_turns_no_more_and_one_by_itself_again_does(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1), log.captured(2))
    await lane.settle(log.behaved(2, "form.submitted"))
    await lane.settle(log.merged(1, 2, 2))
    timers = await lane.fetch("SELECT subject::text FROM timers WHERE kind = 'score.turn'")
    assert [row["subject"] for row in timers] == [lead_id(1)]
    await lane.settle(log.unmerged(1, 2, 3, about=1), log.unmerged(1, 2, 3, about=2))
    timers = await lane.fetch("SELECT subject::text FROM timers WHERE kind = 'score.turn'")
    assert [row["subject"] for row in timers] == [lead_id(2)]


# -- the person ---------------------------------------------------------------------------------------------------


async def test_an_erasure_takes_the_behaviour_and_nothing_late_is_kept(lane: ScoringLane, own: Servers) -> None:
    log = Log()
    await lane.settle(log.captured(1))
    personal: dict[str, Any] = {"search_term": CANARY[3], "properties": {"url": f"/{CANARY[2]}"}}
    await lane.settle(log.behaved(1, **personal), log.behaved(1, "form.submitted"))
    assert await remains(own.postgres, "scoring") != []
    await lane.settle(log.record(ERASED, "lead.erased", erased(2, lead_id(1))))
    assert await remains(own.postgres, "scoring") == []
    late = log.behaved(1, **personal)
    assert await lane.settle(late) == [Skipped("erased", lead_id(1))]
    lane.now = NOW + timedelta(days=300)
    assert await lane.settle(*await lane.due(log)) == [Skipped("erased", lead_id(1))]
    assert await remains(own.postgres, "scoring") == []


async def test_behaviour_is_forgotten_when_it_is_too_old_to_count(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1), log.captured(2))
    await lane.settle(log.behaved(1), log.behaved(1, "form.submitted", days_ago=100), log.behaved(2, days_ago=100))
    lane.now = NOW + timedelta(days=KEPT_DAYS - 50)
    async with lane.database.transaction(lane.now) as work:
        assert await forget_deeds(work, limit=10) == 2
    (row,) = await lane.fetch("SELECT lead_id::text, deeds FROM lead_behaviours")
    assert row["lead_id"] == lead_id(1) and len(orjson.loads(row["deeds"])) == 1


async def test_a_lead_without_behaviour_costs_no_query_of_logs(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1), log.captured(2))
    await lane.settle(log.captured(1, 2))
    assert (await lane.row(1))["behaves"] is False
    assert await lane.fetch("SELECT 1 FROM timers") == []
