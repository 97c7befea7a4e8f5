"""Consent is kept as it was said; a refusal stands, whatever comes later or is merged."""

from typing import Any

import orjson
import pytest

from services.capture.adapters.postgres.consents import consent_history
from shared.contracts import ids
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.persistence.aliases import all_ids
from tests.support.capture import NOW, Bench, event_of, record
from tests.support.capture_commands import erase, merge

pytestmark = pytest.mark.stack


def submission(offset: int, email: str, consent: dict[str, Any] | None) -> Any:
    return record(offset, {"email": email, **({"consent": consent} if consent else {})})


async def history(bench: Bench, lead_id: str) -> list[dict[str, Any]]:
    async with bench.database.transaction(NOW) as work:
        (ids,) = (await all_ids(work, [lead_id])).values()
        return await consent_history(work, ids)


async def test_every_statement_is_kept_as_it_was_said(bench: Bench) -> None:
    said = {
        "marketing_email": True, "marketing_phone": False, "text": "I agree", "lawful_basis": "consent",
        "wording_id": "v7", "at": "2026-02-01T10:00:00+01:00",
    }  # fmt: skip
    first, plain = await bench.settle(submission(0, "a@b.example", said), submission(1, "a@b.example", None))
    lead_id = event_of(first)["lead"]["lead_id"]
    await bench.settle(submission(0, "a@b.example", said))
    stated = await history(bench, lead_id)
    assert [(s["purpose"], s["given"], s["confirmed"]) for s in sorted(stated, key=lambda s: s["purpose"])] == [
        ("marketing_email", True, False),
        ("marketing_phone", False, False),
    ]
    assert {s["wording"] for s in stated} == {"I agree"} and {s["said_at"] for s in stated} == {"2026-02-01T09:00:00Z"}
    assert {(s["source"], s["lawful_basis"], s["wording_id"]) for s in stated} == {("web", "consent", "v7")}
    assert event_of(plain)["lead"]["consent"]["marketing_email"] is True


async def test_a_refusal_survives_later_agreements_and_merges(bench: Bench) -> None:
    settled = await bench.settle(
        submission(0, "a@b.example", {"marketing_email": False, "text": "no"}),
        submission(1, "a@b.example", {"marketing_email": True}),
        submission(2, "c@d.example", {"marketing_email": True, "confirmed": True}),
    )
    refused, agreed = (event_of(settled[n])["lead"] for n in (1, 2))
    assert refused["consent"]["marketing_email"] is False and agreed["consent"]["marketing_email"] is True
    (merged,) = await bench.settle(merge(10, agreed["lead_id"], refused["lead_id"]))
    lead = orjson.loads(merged.outcome.events[0].data)["lead"]  # type: ignore[union-attr]
    assert lead["consent"]["marketing_email"] is False and lead["consent"]["text"] == "no"
    assert len(await history(bench, agreed["lead_id"])) == 4


async def test_statements_go_with_the_person(bench: Bench) -> None:
    (settled,) = await bench.settle(submission(0, "a@b.example", {"marketing_email": True, "text": "Ann agrees"}))
    await bench.settle(erase(10, event_of(settled)["lead"]["lead_id"]))
    assert await bench.fetch("SELECT 1 FROM consents") == []


def consent(offset: int, lead_id: str, given: bool, **more: Any) -> Any:
    value = {"lead_id": lead_id, "purpose": "marketing_email", "given": given, "source": "phone", **more}
    subject = ids.derive(ids.COMMANDS, str(offset))
    return record(offset, value, source="api", topic=CAPTURE_COMMANDS, record_type="consent.record", subject=subject)


def result_of(settled: Any) -> Any:
    done = orjson.loads(settled.outcome.events[-1].data)
    return done["result"].get("stands") if done["status"] == "done" else done["reason"]


async def test_a_withdrawal_stands_until_it_is_confirmed_otherwise(bench: Bench) -> None:
    (settled,) = await bench.settle(submission(0, "a@b.example", {"marketing_email": True}))
    lead_id = event_of(settled)["lead"]["lead_id"]
    said = await bench.settle(
        consent(10, lead_id, given=False),
        consent(11, lead_id, given=True),
        consent(12, lead_id, given=True, confirmed=True, text="yes, again"),
    )
    assert [result_of(each) for each in said] == [False, False, True]
    changed = orjson.loads(said[-1].outcome.events[0].data)  # type: ignore[union-attr]
    assert (changed["change"], changed["lead"]["consent"]["marketing_email"], changed["lead_version"]) == (
        "consent",
        True,
        4,
    )
    assert changed["lead"]["touch_count"] == 1
    (again,) = await bench.settle(consent(10, lead_id, given=False))
    assert again.outcome.events[0].envelope == said[0].outcome.events[0].envelope  # type: ignore[union-attr]
    assert [(s["given"], s["confirmed"], s["source"]) for s in await history(bench, lead_id)][1:] == [
        (False, False, "phone"), (True, False, "phone"), (True, True, "phone"),
    ]  # fmt: skip
    (later,) = await bench.settle(submission(20, "a@b.example", {"marketing_email": False}))
    assert event_of(later)["lead"]["consent"]["marketing_email"] is False


async def test_what_is_no_consent_is_refused(bench: Bench) -> None:
    (settled,) = await bench.settle(submission(0, "a@b.example", None))
    lead_id = event_of(settled)["lead"]["lead_id"]
    await bench.settle(erase(5, lead_id))
    said = await bench.settle(
        consent(10, lead_id, given=True),
        consent(11, ids.new_id(), given=True),
        consent(12, lead_id, given=True, purpose="Ann Lee!"),
        consent(13, lead_id, given=True, at="yesterday"),
        consent(14, lead_id, given=True, text="\u0000"),
    )
    reasons = ["lead_erased", "unknown_lead", "invalid_purpose", "invalid_time", "invalid_text"]
    assert [result_of(each) for each in said] == reasons
