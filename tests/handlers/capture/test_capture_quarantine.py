"""Quarantine on a real Postgres: held with reasons, nothing lost, released or rejected once, under its own id and time."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from services.capture.adapters.postgres.erasures import find_waiting
from services.capture.adapters.postgres.quarantine import (
    PostgresQuarantineBook,
    QuarantineTables,
    forget_settled,
    waiting_submissions,
)
from services.capture.domain.form_token import form_token
from services.capture.domain.identity import IdentityKey
from services.capture.handlers.arrivals import GUARD_HEADER
from shared.contracts import ids
from shared.contracts.topics import CAPTURE_COMMANDS, INBOUND
from shared.handling.outcomes import Produced
from shared.handling.records import Record
from shared.messaging.settling import Settled
from tests.support.capture import RECEIVED_MS, SECRET, TOPIC_ID, Bench, event_of, record
from tests.support.capture_commands import erase

pytestmark = pytest.mark.stack

UNKNOWN = "01a217c8-0000-7000-8000-000000000001"
JSON = ("content-type", b"application/json")
GUARDED = (JSON, (GUARD_HEADER, b""))


def submission(offset: int, *, headers: tuple[tuple[str, bytes | None], ...] = GUARDED, **fields: Any) -> Record:
    return record(offset, {"email": f"p{offset}@example.com", **fields}, headers=_addressed(offset, headers))


def _addressed(offset: int, headers: tuple[tuple[str, bytes | None], ...]) -> tuple[tuple[str, bytes | None], ...]:
    """With the headers by which a record that is read again has its event id."""
    return (("ce_source", b"web"), ("ce_id", f"{TOPIC_ID}-0-{offset}".encode()), *headers)


def settle(offset: int, event_id: str, verdict: str = "release", note: str = "a customer of ours") -> Record:
    return record(
        offset,
        {"event_id": event_id, "requested_by": "ops", "note": note},
        source="api",
        topic=CAPTURE_COMMANDS,
        record_type=f"quarantine.{verdict}",
        subject=ids.derive(ids.COMMANDS, str(offset)),
    )


def produced(settled: Settled) -> Produced:
    assert isinstance(settled.outcome, Produced)
    return settled.outcome


def published(settled: Settled, event_type: str) -> tuple[str, dict[str, Any]]:
    """Id and data of the one event of this type."""
    (event,) = [each for each in produced(settled).events if each.envelope.type == event_type]
    return event.envelope.event_id, orjson.loads(event.data)


async def rows(bench: Bench) -> list[dict[str, Any]]:
    return [dict(row) for row in await bench.fetch("SELECT * FROM quarantine ORDER BY received_at")]


async def test_a_filled_trap_is_held_with_its_reasons_and_everybody_else_goes_on(bench: Bench) -> None:
    trapped = submission(1, ls_hp="x", first_name="tqlWBXkRuNPZvbO")
    held, clean, doubtful = await bench.settle(trapped, submission(2), submission(3, email="x@mailinator.com"))
    assert produced(held).outcome == "quarantined"
    data = event_of(held)
    assert (data["outcome"], data["reason"], data["lead_id"]) == ("quarantined", "honeypot", None)
    assert data["reasons"] == ["honeypot", "gibberish_name"]
    assert produced(clean).outcome == produced(doubtful).outcome == "new"
    assert event_of(clean)["lead"]["warnings"] == []
    assert event_of(doubtful)["lead"]["warnings"] == ["suspected_disposable_domain"]
    (kept,) = await rows(bench)
    assert (kept["state"], kept["reasons"], kept["points"]) == ("held", ["honeypot", "gibberish_name"], 160)
    assert len(await bench.fetch("SELECT 1 FROM leads")) == 2


async def test_what_no_edge_marked_and_time_traps_by_the_log(bench: Bench) -> None:
    own = submission(1, headers=(JSON,), ls_hp="x", first_name="tqlWBXkRuNPZvbO")
    quick = form_token(RECEIVED_MS - 1000, secret=SECRET)
    fast, slow = submission(2, ls_form=quick, name="tqlWBXkRuNPZvbO"), submission(3, ls_form=quick)
    outcomes = await bench.settle(own, fast, slow)
    assert [produced(one).outcome for one in outcomes] == ["new", "quarantined", "new"]
    assert event_of(outcomes[1])["reasons"] == ["gibberish_name", "too_fast"]
    assert event_of(outcomes[2])["lead"]["warnings"] == ["suspected_too_fast"]
    assert event_of(outcomes[0])["lead"]["extra"] == {}


async def test_released_it_is_the_lead_that_it_would_have_been_once(bench: Bench) -> None:
    first = submission(1, ls_hp="x")
    await bench.settle(first)
    command = settle(7, first.event_id)
    (released,) = await bench.settle(command)
    event_id, data = published(released, "lead.captured")
    assert data["outcome"] == "new"
    assert data["lead"]["lead_id"] == ids.derive(ids.LEADS, first.event_id)
    assert data["lead"]["first_touch"]["at"] == "2026-03-01T11:53:20.001000Z"
    assert data["origin"]["inbound"]["offset"] == 1
    _, completed = published(released, "command.completed")
    assert completed["result"] == {
        "event_id": first.event_id, "outcome": "new", "lead_id": data["lead"]["lead_id"],
    }  # fmt: skip
    (receipt,) = await bench.receipts()
    assert (receipt["outcome"], receipt["lead_id"]) == ("new", data["lead"]["lead_id"])
    (again,) = await bench.settle(command)
    assert published(again, "lead.captured") == (event_id, data)
    (twice,) = await bench.settle(settle(8, first.event_id))
    assert produced(twice).reason == "already_settled"
    (redelivered,) = await bench.settle(first)
    assert published(redelivered, "lead.captured")[0] == event_id
    (kept,) = await rows(bench)
    assert (kept["state"], kept["settled_by"], str(kept["lead_id"])) == ("released", "ops", data["lead"]["lead_id"])


async def test_released_into_somebody_known_and_before_what_came_later(bench: Bench) -> None:
    held = submission(1, email="ann@example.com", ls_hp="x", source="webinar")
    await bench.settle(held, submission(2, email="ann@example.com", source="blog"))
    (released,) = await bench.settle(settle(7, held.event_id))
    _, data = published(released, "lead.captured")
    assert (data["outcome"], data["matched_by"], data["lead_version"]) == ("merged", "email", 2)
    assert (data["lead"]["source_raw"], data["lead"]["touch_count"]) == ("webinar", 2)


async def test_rejected_it_ends_and_is_kept(bench: Bench) -> None:
    first = submission(1, ls_hp="x")
    await bench.settle(first)
    command = settle(7, first.event_id, "reject")
    (rejected,) = await bench.settle(command)
    event_id, data = published(rejected, "lead.rejected")
    assert (data["code"], data["origin"]["inbound"]["topic"]) == ("spam", INBOUND)
    (again,) = await bench.settle(command)
    assert published(again, "lead.rejected") == (event_id, data)
    (receipt,) = await bench.receipts()
    assert (receipt["outcome"], receipt["reason"]) == ("rejected", "spam")
    (kept,) = await rows(bench)
    assert kept["state"] == "rejected"
    assert kept["record"] is not None
    assert await bench.fetch("SELECT 1 FROM leads") == []
    (released,) = await bench.settle(settle(8, first.event_id))
    assert produced(released).reason == "already_settled"


@pytest.mark.parametrize(
    ("event_id", "note", "reason"),
    [("x", "fine", "unknown_receipt"), (UNKNOWN, "fine", "unknown_receipt"), (UNKNOWN, " ", "invalid_note")],
)
async def test_commands_that_cannot_be_obeyed_say_why(bench: Bench, event_id: str, note: str, reason: str) -> None:
    (refused,) = await bench.settle(settle(7, event_id, note=note))
    assert (produced(refused).outcome, produced(refused).reason) == ("refused", reason)


async def test_a_redelivered_record_is_held_once_and_repeats_repeat(bench: Bench) -> None:
    first = submission(1, ls_hp="x")
    (held,) = await bench.settle(first)
    (again,) = await bench.settle(first)
    assert event_of(again) == event_of(held)
    assert len(await rows(bench)) == 1
    repeat = first._replace(offset=2)
    (repeated,) = await bench.settle(repeat)
    assert (produced(repeated).outcome, produced(repeated).reason) == ("merged", "repeated_event")


async def test_pages_and_what_was_submitted(bench: Bench) -> None:
    book = PostgresQuarantineBook()
    await bench.settle(*(submission(n, ls_hp="x") for n in range(1, 4)))
    async with bench.database.transaction(bench.now) as work:
        first = await book.page(work, state="held", source=None, before=None, limit=2)
        place = (first[-1]["quarantined_at"], first[-1]["event_id"])
        rest = await book.page(work, state="held", source="web", before=place, limit=2)
        none = await book.page(work, state="released", source=None, before=None, limit=2)
        shown = await book.read(work, first[0]["event_id"])
    assert (len(first), len(rest), len(none)) == (2, 1, 0)
    assert shown is not None
    assert "@example.com" in shown["value"]


async def test_an_erased_person_leaves_quarantine_too(bench: Bench) -> None:
    known, held = submission(1, email="ann@example.com"), submission(2, email="ann@example.com", ls_hp="x")
    other = submission(3, email="bob@example.com", ls_hp="x")
    first, *_ = await bench.settle(known, held, other)
    await bench.settle(erase(7, produced(first).subject or ""))
    left = {str(row["event_id"]): (row["state"], row["record"] is None) for row in await rows(bench)}
    assert left == {held.event_id: ("erased", True), other.event_id: ("held", False)}
    (refused,) = await bench.settle(settle(8, held.event_id))
    assert produced(refused).reason == "erased"


async def test_who_has_no_lead_leaves_quarantine_too(bench: Bench) -> None:
    held, other = submission(1, email="ann@example.com", ls_hp="x"), submission(2, email="bob@example.com", ls_hp="x")
    await bench.settle(held, other)
    async with bench.database.transaction(bench.now) as work:
        waiting, _ = await find_waiting(work, IdentityKey("email", "ann@example.com"), 10)
    assert waiting == [held.event_id]
    (settled,) = await bench.settle(erase(7, keep_out=["0" * 32], waiting=waiting))
    assert published(settled, "command.completed")[1]["status"] == "done"
    left = {str(row["event_id"]): (row["state"], row["record"] is None) for row in await rows(bench)}
    assert left == {held.event_id: ("erased", True), other.event_id: ("held", False)}
    (again, refused) = await bench.settle(erase(8, keep_out=["0" * 32], waiting=waiting), settle(9, held.event_id))
    assert published(again, "command.completed")[1]["status"] == "done"
    assert produced(refused).reason == "erased"


async def test_whoever_shares_a_phone_with_somebody_erased_stays_in_quarantine(bench: Bench) -> None:
    phone = "+14155552671"
    known = submission(1, email="ann@example.com", phone=phone)
    bare = record(2, {"phone": phone, "ls_hp": "x"}, headers=_addressed(2, GUARDED))
    neighbour = submission(4, email="bob@example.com", phone=phone, ls_hp="x")
    own = submission(5, email="ann@example.com", phone="+14155552672", ls_hp="x")
    first, *_ = await bench.settle(known, bare, neighbour, own)
    lead_id = produced(first).subject or ""
    async with bench.database.transaction(bench.now) as work:
        exported = await QuarantineTables().export(work, [lead_id])
        alone = await find_waiting(work, IdentityKey("phone", phone), 10, alone=True)
        everybody = await find_waiting(work, IdentityKey("phone", phone), 10)
    assert [each["event_id"] for each in exported["quarantine"]] == [bare.event_id, own.event_id]
    assert alone == ([bare.event_id], False)
    assert everybody == (sorted([bare.event_id, neighbour.event_id]), False)
    await bench.settle(erase(7, lead_id))
    left = {str(row["event_id"]): row["state"] for row in await rows(bench)}
    assert left == {bare.event_id: "erased", neighbour.event_id: "held", own.event_id: "erased"}


async def test_a_phone_that_two_have_is_no_proof_of_who_waits_in_quarantine(bench: Bench) -> None:
    phone = "+14155552671"
    one, other = (submission(n, email=f"p{n}@example.com", phone=phone) for n in (1, 2))
    bare = record(3, {"phone": phone, "ls_hp": "x"}, headers=_addressed(3, GUARDED))
    first, *_ = await bench.settle(one, other, bare)
    await bench.settle(erase(7, produced(first).subject or ""))
    assert [row["state"] for row in await rows(bench)] == ["held"]


async def test_what_waits_is_handed_out_by_the_events_that_were_noted(bench: Bench) -> None:
    held, other = submission(1, email="ann@example.com", ls_hp="x"), submission(2, email="bob@example.com", ls_hp="x")
    await bench.settle(held, other)
    (noted, nobody) = await bench.settle(
        erase(7, kind="lead.export", waiting=[held.event_id]), erase(8, kind="lead.export")
    )
    result = published(noted, "command.completed")[1]["result"]
    assert result == {"leads": [], "waiting": [held.event_id]}
    assert published(nobody, "command.completed")[1]["reason"] == "unknown_lead"
    async with bench.database.transaction(bench.now) as work:
        (shown,) = await waiting_submissions(work, result["waiting"])
    assert "ann@example.com" in shown["value"] and shown["reasons"] == ["honeypot"]


async def test_what_comes_late_of_somebody_erased_is_not_held(bench: Bench) -> None:
    (known,) = await bench.settle(submission(1, email="ann@example.com"))
    await bench.settle(erase(7, produced(known).subject or ""))
    late, other = await bench.settle(
        submission(2, email="ann@example.com", ls_hp="x"), submission(3, email="bob@example.com", ls_hp="x")
    )
    assert (produced(late).outcome, produced(late).reason) == ("rejected", "erased_before")
    assert produced(other).outcome == "quarantined"
    assert [str(row["event_id"]) for row in await rows(bench)] == [other.record.event_id]


async def test_what_was_settled_is_forgotten_in_time_and_what_is_held_stays(bench: Bench) -> None:
    held = [submission(n, ls_hp="x") for n in (1, 2, 3)]
    await bench.settle(*held)
    await bench.settle(settle(10, held[0].event_id), settle(11, held[1].event_id, "reject"))
    for days, left in ((89, 3), (91, 1)):
        async with bench.database.transaction(bench.now + timedelta(days=days)) as work:
            while await forget_settled(work, work.now - timedelta(days=90), limit=1):
                pass
        assert len(await rows(bench)) == left
    (stays,) = await rows(bench)
    assert (stays["state"], stays["record"] is not None) == ("held", True)
