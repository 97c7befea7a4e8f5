"""Validation rules on a real Postgres: published by command, followed between two batches, told by rule and field, replayed."""

from typing import Any

import orjson
import pytest

from services.capture.adapters.postgres.receipts import PostgresReceiptBook
from services.capture.api.receipts import _shown
from services.capture.handlers.arrivals import GUARD_HEADER
from services.capture.seed import seed
from shared.contracts.events.capture import LeadRejected
from shared.contracts.topics import CAPTURE_COMMANDS, COMMANDS_COMPLETED, REJECTED, RULES_PUBLISHED
from shared.handling.outcomes import Produced
from shared.handling.records import Record
from shared.messaging.settling import Settled
from tests.support.capture import SECRET, Bench, event_of, record
from tests.support.replaying import replay_command, replay_of

pytestmark = pytest.mark.stack

NEEDS_COUNTRY = """kind: validation
rules:
  - {id: country, name: a country, field: address.country, sources: [fair], when: {field: address.country, exists: true}}
"""
NO_RULES = "kind: validation\nname: relaxed\nrules: []\n"


def publish(offset: int, document: str) -> Record:
    value = {"kind": "validation", "document": document, "author": "Ann", "reason": "the fair wants it"}
    return record(offset, value, source="ops", topic=CAPTURE_COMMANDS, record_type="rules.publish")


def told(settled: Settled, topic: str) -> dict[str, Any]:
    assert isinstance(settled.outcome, Produced), settled.outcome
    (event,) = [event for event in settled.outcome.events if event.topic == topic]
    data: dict[str, Any] = orjson.loads(event.data)
    return data


async def receipt_of(bench: Bench, one: Record) -> dict[str, Any]:
    async with bench.database.transaction(bench.now) as work:
        rows = await PostgresReceiptBook().read(work, one.event_id)
    return _shown(rows[0], SECRET)


async def test_a_published_rule_rejects_from_the_next_batch_on_and_its_removal_lets_the_replay_in(bench: Bench) -> None:
    before, short = record(0, {"email": "ann@example.com"}, source="fair"), {"email": "ben@example.com"}
    (taken,) = await bench.settle(before)
    assert event_of(taken)["outcome"] == "new"
    (published,) = await bench.settle(publish(1, NEEDS_COUNTRY))
    assert told(published, RULES_PUBLISHED)["version"] == 1 and told(published, RULES_PUBLISHED)["service"] == "capture"
    headers = (("content-type", b"application/json"), ("ce_source", b"fair"), ("ce_id", b"short"))
    refused_record = record(2, short, source="fair", ce_id="short", headers=headers)
    refused, elsewhere, whole = await bench.settle(
        refused_record,
        record(3, {"email": "eve@example.com"}, source="web"),
        record(4, {"email": "cid@example.com", "address": {"country": "DE"}}, source="fair"),
    )
    assert [event_of(each)["outcome"] for each in (elsewhere, whole)] == ["new", "new"]
    said = LeadRejected.model_validate(event_of(refused))
    assert (said.code, said.field, said.rule) == ("rule_not_met", "address.country", "country")
    assert said.rules is not None and said.rules.version == 1
    receipt = await receipt_of(bench, refused_record)
    assert (receipt["status"], receipt["reason"], receipt["field"], receipt["rule"]) == (
        "rejected", "rule_not_met", "address.country", "country",
    )  # fmt: skip
    assert "a country (rule country)" in receipt["detail"]
    (again,) = await bench.settle(refused_record)  # a redelivery says the same to the byte
    assert isinstance(again.outcome, Produced) and isinstance(refused.outcome, Produced)
    assert again.outcome.events == refused.outcome.events

    (still,) = await bench.settle(replay_command(5, replay_of(refused_record)))
    assert told(still, COMMANDS_COMPLETED)["result"]["outcome"] == "rejected"
    await bench.settle(publish(6, NO_RULES))
    (let_in,) = await bench.settle(replay_command(7, replay_of(refused_record)))
    assert told(let_in, COMMANDS_COMPLETED)["result"]["outcome"] == "new"
    assert (await receipt_of(bench, refused_record))["status"] == "new"


async def test_a_broken_document_is_refused_and_the_last_good_version_works_on(bench: Bench) -> None:
    await bench.settle(publish(0, NEEDS_COUNTRY))
    (wrong,) = await bench.settle(publish(1, NEEDS_COUNTRY.replace("exists", "is")))
    said = told(wrong, COMMANDS_COMPLETED)
    assert (said["status"], said["reason"]) == ("refused", "invalid_rules") and "validation.yaml:3:" in str(said)
    (refused,) = await bench.settle(record(2, {"email": "ann@example.com"}, source="fair"))
    assert event_of(refused)["rule"] == "country"


async def test_what_merges_is_held_against_the_rules_as_well_and_a_repeat_is_refused_as_the_first(bench: Bench) -> None:
    await bench.settle(publish(0, NEEDS_COUNTRY), record(1, {"email": "ann@example.com"}, source="web"))
    first = record(2, {"email": "ann@example.com", "title": "CEO"}, source="fair", ce_id="one")
    (refused,) = await bench.settle(first)
    assert event_of(refused)["code"] == "rule_not_met"
    (repeated,) = await bench.settle(
        record(3, {"email": "ann@example.com", "title": "CEO"}, source="fair", ce_id="one")
    )
    assert told(repeated, REJECTED)["code"] == "rule_not_met"
    assert [row["lead_version"] for row in await bench.fetch("SELECT lead_version FROM leads")] == [1]


async def test_migrating_seeds_rules_that_take_everybody_and_leaves_published_ones_alone(bench: Bench) -> None:
    async with bench.database.transaction(bench.now) as work:
        await seed(work.db)
    (taken,) = await bench.settle(record(0, {"email": "ann@example.com"}, source="fair"))
    assert event_of(taken)["outcome"] == "new"
    await bench.settle(publish(1, NEEDS_COUNTRY))
    async with bench.database.transaction(bench.now) as work:
        await seed(work.db)
        assert (await bench.books.validations.read(work)).rules


async def test_what_is_released_from_quarantine_is_held_against_the_rules(bench: Bench) -> None:
    headers = ((GUARD_HEADER, b""), ("content-type", b"application/json"), ("ce_source", b"fair"), ("ce_id", b"q"))
    suspicious = record(0, {"email": "ann@example.com", "ls_hp": "x"}, source="fair", ce_id="q", headers=headers)
    await bench.settle(suspicious, publish(1, NEEDS_COUNTRY))
    assert (await receipt_of(bench, suspicious))["status"] == "quarantined"
    wanted = {"event_id": suspicious.event_id, "requested_by": "ops", "note": "no machine"}
    release = record(2, wanted, source="api", topic=CAPTURE_COMMANDS, record_type="quarantine.release")
    (released,) = await bench.settle(release)
    assert told(released, REJECTED)["rule"] == "country"
    assert (await receipt_of(bench, suspicious))["rule"] == "country"
    (again,) = await bench.settle(release)
    assert told(again, REJECTED) == told(released, REJECTED)
