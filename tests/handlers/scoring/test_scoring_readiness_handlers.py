"""Sales-ready on real Postgres: one event a transition, whoever brings it about."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from shared.contracts.events.scoring import ReadinessChanged
from shared.handling.outcomes import Produced
from tests.support.scoring import Log, ScoringLane, lead_id, scoring_lane
from tests.support.stack import Servers

pytestmark = pytest.mark.stack

READY = """\
kind: scoring
rules: [{id: fit, points: 60}]
behaviour: [{id: form, event: form.submitted, points: 40, decay: {linear_days: 40}}]
sales_ready: {fit: 50, engagement: 30, criteria: [{id: named, when: {field: last_name, is_empty: false}}]}
"""


@pytest.fixture
async def lane(own: Servers) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(own.postgres) as made:
        await made.settle(Log(10_000).publish(READY))
        yield made


def transitions(*outcomes: Any) -> list[tuple[str, bool, list[str]]]:
    """What was told of readiness, checked against the contract."""
    events = [event for outcome in outcomes if isinstance(outcome, Produced) for event in outcome.events]
    told = [ReadinessChanged.model_validate_json(e.data) for e in events if e.envelope.type == ReadinessChanged.TYPE]
    return [(each.lead_id, each.sales_ready, each.missing) for each in told]


async def test_each_transition_is_told_once(lane: ScoringLane) -> None:
    log = Log()
    form = log.behaved(1, "form.submitted")
    first = await lane.settle(log.captured(1))
    assert transitions(*first) == []
    second = await lane.settle(form)
    assert transitions(*second) == []  # a name is missing
    third = await lane.settle(log.captured(1, 2, last_name="Lee"), log.captured(1, 3, last_name="Lee"))
    assert transitions(*third) == [(lead_id(1), True, [])]
    taken = await lane.settle(log.corrected(1, form, human=False, minute=1))
    assert transitions(*taken) == [(lead_id(1), False, ["engagement"])]
    again = await lane.settle(log.corrected(1, form, human=True, minute=2))
    assert transitions(*again) == [(lead_id(1), True, [])]
    gone = await lane.settle(log.changed(1, 5, last_name="Lee", contactable={"any": False}))
    assert transitions(*gone) == [(lead_id(1), False, ["contactable"])]


async def test_a_redelivery_tells_the_same_transition(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, last_name="Lee"))
    form = log.behaved(1, "form.submitted")
    (first,) = await lane.settle(form)
    await lane.settle(log.corrected(1, form, human=False, minute=1))
    (again,) = await lane.settle(form)
    assert again.events[1] == first.events[1]
    assert [event.envelope for event in again.events] == [event.envelope for event in first.events]
    assert transitions(again) == [(lead_id(1), True, [])]


async def test_time_alone_ends_it_and_tells_so_once(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, last_name="Lee"))
    await lane.settle(log.behaved(1, "form.submitted"))
    told = []
    while (turns_at := (await lane.row(1))["turns_at"]) is not None:
        lane.now = turns_at
        told += transitions(*await lane.settle(*await lane.due(log)))
    assert told == [(lead_id(1), False, ["engagement"])]


async def test_a_merge_may_make_a_lead_ready(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, last_name="Lee"), log.captured(2))
    await lane.settle(log.behaved(2, "form.submitted"))
    merged = await lane.settle(log.merged(1, 2, 2, last_name="Lee"))
    assert transitions(*merged) == [(lead_id(1), True, [])]
    parted = await lane.settle(
        log.unmerged(1, 2, 3, about=1, last_name="Lee"), log.unmerged(1, 2, 3, about=2, last_name="Lee")
    )
    assert transitions(*parted) == [(lead_id(1), False, ["engagement"]), (lead_id(2), True, [])]


async def test_rules_that_do_not_say_when_tell_nothing_and_forget_nothing(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.captured(1, last_name="Lee"))
    await lane.settle(log.behaved(1, "form.submitted"))
    silent = READY[: READY.index("sales_ready")]
    await lane.settle(log.publish(silent, command=2))
    assert transitions(*await lane.settle(log.captured(1, 2))) == []
    await lane.settle(log.publish(READY, command=3))
    back = await lane.settle(log.captured(1, 3, last_name="Lee"))
    assert transitions(*back) == []
    assert orjson.loads((await lane.row(1))["score"])["sales_ready"] is True
