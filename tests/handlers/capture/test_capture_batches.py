"""Batches of inbound records on a real Postgres: outcomes, receipts, events, redelivery, repeats."""

from typing import Any

import orjson
import pytest

from shared.contracts import ids
from shared.contracts.base import Contract
from shared.contracts.events.capture import LeadCaptured, LeadRejected, ReceiptSettled
from shared.contracts.topics import CAPTURE_COMMANDS, CAPTURED, RECEIPTS_SETTLED, REJECTED
from shared.handling.outcomes import Produced, Rejected, Skipped
from shared.messaging.settling import Settled
from tests.support.capture import Bench, event_of, record

pytestmark = pytest.mark.stack

ANN = {"email": "ann@example.com", "first_name": "Ann", "phone": "+14155550100", "campaign": "spring"}
CONTRACTS: dict[str, type[Contract]] = {
    CAPTURED: LeadCaptured,
    REJECTED: LeadRejected,
    RECEIPTS_SETTLED: ReceiptSettled,
}


def ids_of(settled: list[Settled]) -> list[str]:
    return [event.envelope.event_id for one in settled for event in one.outcome.events]  # type: ignore[union-attr]


def times_of(settled: list[Settled]) -> list[str]:
    return [event.envelope.time for one in settled for event in one.outcome.events]  # type: ignore[union-attr]


async def test_new_merged_and_rejected_in_one_batch(bench: Bench) -> None:
    settled = await bench.settle(
        record(0, ANN),
        record(1, {"email": "ANN@example.com", "title": "VP"}),
        record(2, b"{"),
        record(3, {"first_name": "Nobody"}),
        record(4, {"email": "a@b.com", "budget": "much"}),
    )
    receipts = await bench.receipts()
    assert [(r["outcome"], r["reason"], r["field"]) for r in receipts] == [
        ("new", None, None),
        ("merged", "email", None),
        ("rejected", "invalid_json", None),
        ("rejected", "no_identifier", None),
        ("rejected", "invalid_money", "budget"),
    ]
    assert receipts[0]["lead_id"] == receipts[1]["lead_id"]
    first, second = event_of(settled[0]), event_of(settled[1])
    assert (first["outcome"], first["lead_version"], second["outcome"], second["lead_version"]) == (
        "new",
        1,
        "merged",
        2,
    )
    assert second["lead"]["title"] == "VP"
    assert second["lead"]["first_touch"] == first["lead"]["first_touch"]


async def test_what_is_published_fulfils_the_contracts(bench: Bench) -> None:
    rich = {
        **ANN,
        "external_id": "7:1",
        "company": {"name": "Example Corp Inc.", "employees": 250, "annual_revenue": "12000000 USD"},
        "address": {"city": "Springfield", "country": "US"},
        "touch": {"gclid": "Tx9"},
        "consent": {"marketing_email": True},
        "budget": "5 EUR",
        "anything": [1, {"else": None}],
    }
    settled = await bench.settle(
        record(0, rich), record(1, {"phone": "call me"}), record(2, b""), record(3, {**ANN, "test": True})
    )
    settled += await bench.settle(record(4, rich, ce_id="a"), record(5, rich, ce_id="a"))
    seen = set()
    for one in settled:
        (event,) = one.outcome.events  # type: ignore[union-attr]
        parsed = CONTRACTS[event.topic].model_validate_json(event.data)
        known = orjson.loads(parsed.model_dump_json())
        for name, value in orjson.loads(event.data).items():
            assert known[name] == value or name == "lead"
        assert event.envelope.type == CONTRACTS[event.topic].TYPE  # type: ignore[attr-defined]
        seen.add(event.topic)
    assert seen == set(CONTRACTS)


async def test_identities_outlive_the_batch(bench: Bench) -> None:
    await bench.settle(record(0, ANN), record(1, {"external_id": "7", "email": "bob@example.com"}))
    settled = await bench.settle(
        record(2, {"phone": "+1 (415) 555-0100", "first_name": "ann"}),
        record(3, {"external_id": "7"}),
        record(4, {"external_id": "7"}, source="other"),
        record(5, {"phone": "+14155550100", "first_name": "Zed"}),
    )
    assert [(event_of(s)["outcome"], event_of(s)["matched_by"]) for s in settled] == [
        ("merged", "phone"),
        ("merged", "external_id"),
        ("new", None),
        ("new", None),
    ]


async def test_a_redelivery_changes_nothing_and_publishes_the_newest_state_under_the_same_ids(bench: Bench) -> None:
    batch = [record(0, ANN), record(1, b"{"), record(2, {**ANN, "test": True}), record(3, {"email": "x@example.com"})]
    first = await bench.settle(*batch)
    await bench.settle(record(4, {"email": "ann@example.com", "title": "CEO"}))
    before = (await bench.fetch("SELECT * FROM leads ORDER BY 1"), await bench.receipts())
    again = await bench.settle(*batch, record(5, {"email": "ann@example.com", "title": "COO"}))
    assert ids_of(again[:4]) == ids_of(first)
    assert [s.outcome.outcome for s in again[:4]] == [s.outcome.outcome for s in first]  # type: ignore[union-attr]
    assert event_of(again[0])["lead_version"] == event_of(again[4])["lead_version"] == 3
    assert event_of(again[0])["lead"]["title"] == "COO"
    after = (await bench.fetch("SELECT * FROM leads ORDER BY 1"), await bench.receipts())
    assert after[1][:5] == before[1]
    assert times_of(again[:4]) == times_of(first)


async def test_the_same_event_again_is_merged_and_another_body_is_a_conflict(bench: Bench) -> None:
    first = await bench.settle(record(0, ANN, ce_id="order-7"), record(1, ANN, ce_id="order-7"))
    later = await bench.settle(record(2, {**ANN, "title": "CEO"}, ce_id="order-7"), record(3, ANN, ce_id="order-7"))
    receipts = await bench.receipts()
    assert [(r["outcome"], r["reason"]) for r in receipts] == [
        ("new", None),
        ("merged", "repeated_event"),
        ("rejected", "id_conflict"),
        ("merged", "repeated_event"),
    ]
    assert [r["repeat_of"] for r in receipts] == [None] + [receipts[0]["receipt_id"]] * 3
    assert receipts[1]["lead_id"] == receipts[0]["lead_id"]
    assert len({*ids_of(first), *ids_of(later)}) == 4
    assert event_of(later[0])["code"] == "id_conflict"
    (lead,) = await bench.fetch("SELECT lead_version FROM leads")
    assert lead["lead_version"] == 1
    again = await bench.settle(record(2, {**ANN, "title": "CEO"}, ce_id="order-7"), record(3, ANN, ce_id="order-7"))
    assert ids_of(again) == ids_of(later)
    assert await bench.receipts() == receipts


async def test_repeats_of_what_was_no_lead_end_as_the_first_did(bench: Bench) -> None:
    test = {**ANN, "test": True}
    await bench.settle(
        record(0, b"{", ce_id="a"), record(1, test, ce_id="b"), record(2, ANN, ce_id="c", record_type="x")
    )
    settled = await bench.settle(record(3, b"{", ce_id="a"), record(4, test, ce_id="b"), record(5, ANN, ce_id="c"))
    receipts = await bench.receipts()
    assert [(r["outcome"], r["reason"]) for r in receipts[3:]] == [
        ("rejected", "invalid_json"),
        ("test", "test"),
        ("dead_lettered", "unknown_type"),
    ]
    assert isinstance(settled[2].outcome, Rejected)


@pytest.mark.parametrize(
    ("changes", "outcome", "reason"),
    [
        ({"value": None}, "rejected", "invalid_json"),
        ({"headers": ()}, "new", None),
        ({"headers": (("content-type", None), ("content-type", b"application/json"))}, "new", None),
        ({"headers": (("content-type", b"\xff\xfe"),)}, "rejected", "unsupported_content_type"),
        (
            {"headers": (("content-type", b"application/x-www-form-urlencoded"),), "value": b"email=f%40b.com"},
            "new",
            None,
        ),
        ({"headers": (("ls_row", b"not a number"), ("ls_test", b"1"))}, "test", "test"),
        ({"fault": "unreadable_header"}, "dead_lettered", "unreadable_header"),
        ({"type": "lead.unheard_of"}, "dead_lettered", "unknown_type"),
        (
            {"type": "lead.merge", "value": b'{"winner_id":"a","loser_id":"b","reason":"c"}'},
            "dead_lettered",
            "unknown_type",
        ),
        ({"source": "a\x00b"}, "dead_lettered", "invalid_source"),
        ({"source": "x" * 200}, "dead_lettered", "invalid_source"),
        ({"timestamp": 0}, "new", None),
        ({"timestamp": -1}, "new", None),
        ({"timestamp": 32503680000000}, "new", None),
        ({"key": None}, "new", None),
        ({"key": b"\xff\xfe"}, "new", None),
        ({"value": b'{"email":"a@b.com","first_name":"\\ud800"}'}, "rejected", "invalid_characters"),
    ],
)
async def test_odd_records_end_in_one_outcome(
    bench: Bench, changes: dict[str, Any], outcome: str, reason: str | None
) -> None:
    odd = record(0, ANN)._replace(**changes)
    await bench.settle(odd, record(1, {"email": "next@example.com"}))
    receipts = await bench.receipts()
    assert [(r["outcome"], r["reason"]) for r in receipts] == [(outcome, reason), ("new", None)]


async def test_rows_of_files_keep_their_number(bench: Bench) -> None:
    damaged = (("content-type", b"text/csv"), ("ls_damage", b"wrong_field_count"), ("ls_row", b"17"))
    settled = await bench.settle(record(0, b"a,b", headers=damaged))
    assert (event_of(settled[0])["code"], event_of(settled[0])["row"]) == ("wrong_field_count", 17)
    assert (await bench.receipts())[0]["row_number"] == 17


async def test_a_lead_without_any_identity_key_is_kept(bench: Bench) -> None:
    settled = await bench.settle(record(0, {"phone": "call me"}))
    assert event_of(settled[0])["lead"]["warnings"] == ["phone_unparseable"]
    assert len(await bench.fetch("SELECT 1 FROM leads")) == 1


async def test_a_rejected_record_keeps_its_key(bench: Bench) -> None:
    (settled,) = await bench.settle(record(0, b"{")._replace(key=b"\xffits own"))
    assert isinstance(settled.outcome, Produced)
    assert settled.outcome.events[0].key == b"\xffits own"


async def test_submissions_on_the_command_topic_are_not_taken(bench: Bench) -> None:
    (settled,) = await bench.settle(record(0, ANN, topic=CAPTURE_COMMANDS, subject=ids.new_id()))
    assert settled.outcome == Rejected("unknown_type")
    assert await bench.receipts() == []


async def test_a_command_of_a_later_version_is_passed_over_and_one_of_no_type_is_not(bench: Bench) -> None:
    later = record(0, {}, topic=CAPTURE_COMMANDS, record_type="lead.teleport")
    nameless = record(1, {}, topic=CAPTURE_COMMANDS, record_type="")
    settled = await bench.settle(later, nameless)
    assert [one.outcome for one in settled] == [Skipped("unknown_type"), Rejected("no_type")]
