"""Touches on a real Postgres: whichever order submissions are processed in, every touch stands in an event, and a redelivery
that is published from a newer state tells it again."""

from itertools import permutations
from typing import Any

import pytest

from shared.contracts.events.capture import LeadCaptured
from shared.handling.records import Record
from shared.messaging.settling import Settled
from tests.support.capture import RECEIVED_MS, Bench, event_of, record

pytestmark = pytest.mark.stack

ORDERS = sorted(permutations(range(4)))[::3]


def submission(offset: int, person: int, minute: int) -> Record:
    said = {"email": f"p{person}@example.com", "touch": {"gclid": f"click-{person}-{minute}"}}
    return record(offset, said, timestamp=RECEIVED_MS + minute * 60_000)


def told(settled: list[Settled]) -> set[str]:
    """The touches that events tell of: each submission's own."""
    events = [LeadCaptured.model_validate(event_of(one)) for one in settled]
    return {(event.touch or event.lead.last_touch or {})["gclid"] for event in events}


@pytest.mark.parametrize("size", [1, 4])
async def test_every_touch_stands_in_an_event_whatever_the_order(bench: Bench, size: int) -> None:
    for person, order in enumerate(ORDERS):
        records = [submission(person * 10 + n, person, minute) for n, minute in enumerate(order)]
        settled = [one for at in range(0, 4, size) for one in await bench.settle(*records[at : at + size])]
        assert told(settled) == {f"click-{person}-{minute}" for minute in range(4)}, order
        again = [one for each in records for one in await bench.settle(each)]
        assert told(again) == told(settled), order


async def test_a_touch_that_is_the_last_one_is_not_told_twice(bench: Bench) -> None:
    (first,) = await bench.settle(submission(0, 1, 0))
    (second,) = await bench.settle(submission(1, 1, 5))
    (late,) = await bench.settle(submission(2, 1, 3))
    assert "touch" not in event_of(first) and "touch" not in event_of(second)
    data: dict[str, Any] = event_of(late)
    assert data["touch"]["gclid"] == "click-1-3"
    assert data["touch"]["record_id"] not in (
        data["lead"]["first_touch"]["record_id"],
        data["lead"]["last_touch"]["record_id"],
    )
