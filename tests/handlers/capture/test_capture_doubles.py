"""A form that is sent twice on a real Postgres: one lead, one merged outcome, nothing of the lead changed."""

from typing import Any

import orjson
import pytest

from shared.handling.outcomes import Produced
from shared.handling.records import Record
from tests.support.capture import RECEIVED_MS, Bench, record

pytestmark = pytest.mark.stack

ANN = {"email": "ann@example.com", "first_name": "Ann", "message": "Call me"}


def form(offset: int, value: dict[str, Any], *, seconds: float = 0.0, name: str = "contact", **more: Any) -> Record:
    headers = (("content-type", b"application/json"), ("ls_form", name.encode()))
    return record(offset, value, source=name, timestamp=RECEIVED_MS + int(seconds * 1000), headers=headers, **more)


async def outcomes(bench: Bench) -> list[tuple[str, str | None]]:
    return [(r["outcome"], r["reason"]) for r in await bench.receipts()]


async def test_a_double_click_is_one_lead_and_changes_nothing(bench: Bench) -> None:
    settled = await bench.settle(
        form(0, ANN), form(1, {**ANN, "email": " ANN@Example.com", "message": "Call me "}, seconds=0.1)
    )
    settled += await bench.settle(form(2, ANN, seconds=300))
    first, *doubles = await bench.receipts()
    assert [(r["outcome"], r["reason"], r["lead_id"]) for r in doubles] == [
        ("merged", "repeated_submission", first["lead_id"])
    ] * 2
    (row,) = await bench.fetch("SELECT lead_version FROM leads")
    assert row["lead_version"] == 1
    for one in settled[1:]:
        assert isinstance(one.outcome, Produced)
        (event,) = one.outcome.events
        assert event.envelope.type == "receipt.settled"
        assert orjson.loads(event.data)["lead_id"] == first["lead_id"]


async def test_beyond_the_window_or_another_form_or_another_word_is_a_submission_of_its_own(bench: Bench) -> None:
    await bench.settle(form(0, ANN))
    await bench.settle(form(1, ANN, seconds=601), form(2, ANN, name="popup"), form(3, {**ANN, "message": "Call now"}))
    await bench.settle(form(4, ANN, seconds=700))
    assert await outcomes(bench) == [
        ("new", None),
        ("merged", "email"),
        ("merged", "email"),
        ("merged", "email"),
        ("merged", "repeated_submission"),
    ]


async def test_what_names_nobody_is_refused_both_times(bench: Bench) -> None:
    await bench.settle(form(0, {"first_name": "Ann"}), form(1, {"first_name": "Ann"}))
    assert await outcomes(bench) == [("rejected", "no_identifier")] * 2


async def test_a_redelivered_double_gives_the_same_event(bench: Bench) -> None:
    first = await bench.settle(form(0, ANN), form(1, ANN))
    again = await bench.settle(form(0, ANN), form(1, ANN))
    ids = [[event.envelope.event_id for event in one.outcome.events] for one in first]  # type: ignore[union-attr]
    assert ids == [[event.envelope.event_id for event in one.outcome.events] for one in again]  # type: ignore[union-attr]
    assert await outcomes(bench) == [("new", None), ("merged", "repeated_submission")]


async def test_other_sources_are_not_looked_up(bench: Bench) -> None:
    await bench.settle(record(0, ANN), record(1, ANN))
    assert await outcomes(bench) == [("new", None), ("merged", "email")]
    assert await bench.fetch("SELECT 1 FROM sent_forms") == []
