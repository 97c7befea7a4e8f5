"""Records of providers' formats on a real Postgres: read by their source, its ids decide, dead letters until readable."""

from typing import Any

import orjson
import pytest

from services.capture.sources.register import Formats
from shared.handling.outcomes import Rejected
from shared.handling.records import Record
from tests.support.capture import Bench, record
from tests.support.sources import SECRETS, sources_of

pytestmark = pytest.mark.stack

FILE = "kind: sources\nsources:\n  ads: {kind: google, secrets: [{env: KEY}]}\n"


def google(offset: int, ce_id: str, email: str, *, source: str = "ads", kind: str = "google", **more: Any) -> Record:
    column = {"column_id": "EMAIL", "string_value": email}
    value = {"lead_id": ce_id, "user_column_data": [column], "google_key": SECRETS["KEY"], **more}
    headers = (
        ("content-type", b"application/json"),
        ("ls_format", kind.encode()),
        ("ls_occurred_at", b"2026-02-01T10:00:00Z"),
    )
    return record(offset, value, source=source, ce_id=ce_id, headers=headers)


async def test_a_provider_may_say_it_again_in_other_bytes(bench: Bench) -> None:
    bench.read(Formats(lambda: sources_of(FILE)))
    settled = await bench.settle(google(0, "1", "ann@example.com"), google(1, "1", "ann@example.com", form_id=7))
    receipts = await bench.receipts()
    assert [(r["outcome"], r["reason"]) for r in receipts] == [("new", None), ("merged", "repeated_event")]
    touch = orjson.loads(settled[0].outcome.events[0].data)["lead"]["first_touch"]  # type: ignore[union-attr]
    assert touch["occurred_at"] == "2026-02-01T10:00:00Z"


async def test_what_nobody_can_read_now_is_a_dead_letter(bench: Bench) -> None:
    bench.read(Formats(lambda: sources_of(FILE)))
    settled = await bench.settle(
        google(0, "1", "a@example.com", source="gone"),
        google(1, "2", "b@example.com", kind="fax"),
        google(2, "3", "c@example.com"),
    )
    reasons = [one.outcome.reason for one in settled if isinstance(one.outcome, Rejected)]
    assert reasons == ["unknown_source", "unknown_format"]
    assert [r["outcome"] for r in await bench.receipts()] == ["dead_lettered", "dead_lettered", "new"]


async def test_broken_bytes_of_a_provider_are_rejected_with_their_reason(bench: Bench) -> None:
    bench.read(Formats(lambda: sources_of(FILE)))
    headers = (("ls_format", b"google"),)
    await bench.settle(
        record(0, b"{", source="ads", ce_id="1", headers=headers),
        record(1, b'{"a":1,"a":2}', source="ads", ce_id="2", headers=headers),
        record(2, b"{}", source="ads", ce_id="3", headers=headers),
    )
    assert [(r["outcome"], r["reason"]) for r in await bench.receipts()] == [
        ("rejected", "invalid_json"),
        ("rejected", "duplicate_keys"),
        ("rejected", "no_identifier"),
    ]
