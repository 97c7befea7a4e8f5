"""Consent is kept as it was said; a refusal stands, whatever comes later or is merged."""

from typing import Any

import orjson
import pytest

from services.capture.adapters.postgres.consents import consent_history
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
