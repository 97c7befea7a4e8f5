"""Conversions on a real Postgres: whoever was converted is no target, is purged by no policy, and wins a merge."""

from typing import Any

import pytest

from shared.contracts import ids
from shared.contracts.topics import CAPTURED, CONVERTED
from shared.handling.outcomes import Produced
from shared.handling.records import Record
from shared.messaging.settling import Settled
from tests.support.behaviour import events_of
from tests.support.capture import Bench, event_of, record
from tests.support.capture_commands import erase, order

pytestmark = pytest.mark.stack

LISTED: dict[str, Any] = {"state": "target", "list": {"name": "cfos"}}


async def lead(bench: Bench, offset: int, email: str, **said: Any) -> str:
    (settled,) = await bench.settle(record(offset, {"email": email, **said}))
    lead_id: str = event_of(settled)["lead"]["lead_id"]
    return lead_id


def converted(
    offset: int, lead_id: str, *, opportunity: str = "one", record_type: str = "opportunity.converted"
) -> Record:
    names = ("opportunity_id", "account_id", "contact_id")
    value = {name: ids.derive(ids.LEADS, name, opportunity) for name in names}
    value |= {"lead_id": lead_id, "converted_at": "2026-03-01T11:00:00.250000Z", "name": "Example", "more": "ignored"}
    return record(offset, value, topic=CONVERTED, record_type=record_type, source="leadstream/conversion")


def outcome(settled: Settled) -> tuple[str, str | None]:
    assert settled.outcome is not None
    return getattr(settled.outcome, "outcome", "skipped"), settled.outcome.reason


async def test_a_target_that_was_converted_is_a_lead_and_neither_expires_nor_is_purged(bench: Bench) -> None:
    lead_id = await lead(bench, 0, "ann@example.com", **LISTED)
    told = converted(1, lead_id)
    (settled,) = await bench.convert(told)
    changed = event_of(settled)
    assert (changed["change"], changed["reason"], changed["lead"].get("state", "lead")) == (
        "promoted",
        "converted",
        "lead",
    )
    assert changed["lead_version"] == 2
    assert await bench.fetch("SELECT FROM targets") == []
    (again,) = await bench.convert(told)
    assert events_of(again) == events_of(settled)
    (more,) = await bench.convert(converted(2, lead_id, opportunity="two"))
    assert outcome(more)[0] == "noted" and events_of(more) == ()

    (purge,) = await bench.settle(erase(3, lead_id, reason="retention", purged="junk"))
    assert outcome(purge) == ("refused", "converted")
    (asked,) = await bench.settle(erase(4, lead_id))
    assert outcome(asked)[0] == "done"


async def test_what_is_no_target_or_not_known_changes_nothing_and_redactions_pass(bench: Bench) -> None:
    lead_id = await lead(bench, 0, "ann@example.com")
    stranger = ids.derive(ids.LEADS, "somebody else")
    settled = await bench.convert(
        converted(1, lead_id),
        converted(2, stranger, opportunity="two"),
        converted(3, lead_id, record_type="opportunity.redacted"),
    )
    assert [outcome(one)[0] for one in settled[:2]] == ["noted", "noted"]
    assert not any(isinstance(one.outcome, Produced) and one.outcome.events for one in settled)
    assert len(await bench.fetch("SELECT FROM conversions")) == 2
    (row,) = await bench.fetch("SELECT lead_version FROM leads")
    assert row["lead_version"] == 1


async def test_an_erased_target_stays_blank(bench: Bench) -> None:
    lead_id = await lead(bench, 0, "ann@example.com", **LISTED)
    await bench.settle(erase(1, lead_id))
    (late,) = await bench.convert(converted(2, lead_id))
    assert outcome(late)[0] == "noted" and events_of(late) == ()


async def test_of_a_pair_the_customer_wins(bench: Bench) -> None:
    said = {"first_name": "Maximilian", "last_name": "Featherstonehaugh", "company": {"name": "Northwind Robotics"}}
    older = await lead(bench, 0, "max@example.com", **said)
    newer = await lead(bench, 1, "maximilian@example.org", **said)
    pairs = [row["pair_id"] for row in await bench.fetch("SELECT pair_id::text FROM duplicate_pairs")]
    if not pairs:
        pytest.fail("these two should be a pair that people decide on")
    await bench.convert(converted(2, newer))
    (merged,) = await bench.settle(order(3, "duplicate.merge", pair_id=pairs[0], reason="one person"))
    (told,) = [event for event in events_of(merged) if event.envelope.type == "lead.merged"]
    assert told.key.decode() == newer and older != newer
    assert [event for event in events_of(merged) if event.topic == CAPTURED] == []


async def test_a_customer_wins_over_an_older_lead_that_is_the_same_person(bench: Bench) -> None:
    older = await lead(bench, 0, "ann@example.com", first_name="Ann", last_name="Lee")
    (other,) = await bench.settle(
        record(1, {"external_id": "7", "first_name": "Ann", "last_name": "Lee"}, source="crm")
    )
    newer: str = event_of(other)["lead"]["lead_id"]
    await bench.convert(converted(2, newer))
    both = {"external_id": "7", "email": "ann@example.com", "first_name": "Ann", "last_name": "Lee"}
    (settled,) = await bench.settle(record(3, both, source="crm"))
    (merged,) = [event for event in events_of(settled) if event.envelope.type == "lead.merged"]
    assert merged.key.decode() == newer != older
