"""Leads that are typed in: the lead of a form when they are the same person, with whoever typed and referred."""

import pytest

from services.capture.sources.register import Formats
from tests.support.capture import Bench, event_of, record
from tests.support.sources import sources_of

pytestmark = pytest.mark.stack


async def test_a_lead_typed_in_joins_the_one_of_the_form_and_says_by_whom(bench: Bench) -> None:
    typed = {"emails": ["Ann@example.com"], "source": "manual entry", "entered_by": "sam", "referrer_ref": "lead:7"}
    settled = await bench.settle(
        record(0, {"email": "ann@example.com", "source": "web form"}, source="web", ce_id="1"),
        record(1, typed, source="manual entry", ce_id="2"),
    )
    assert [row["outcome"] for row in await bench.receipts()] == ["new", "merged"]
    lead = event_of(settled[1])["lead"]
    assert (lead["entered_by"], lead["referrer_ref"], lead["source"]) == ("sam", "lead:7", "website")


async def test_a_follower_is_one_target_however_often_told_and_a_lead_once_they_write(bench: Bench) -> None:
    bench.read(Formats(lambda: sources_of("kind: sources\nsources:\n  follows: {kind: social}\n")))
    headers = (("content-type", b"application/json"), ("ls_format", b"social"))
    follow = {"type": "social.follow", "platform": "x", "handle": "@AnnLee", "email": "ann@example.com"}
    again = {**follow, "platform": "twitter", "handle": "annlee"}
    settled = await bench.settle(
        record(0, follow, source="follows", ce_id="f-1", headers=headers),
        record(1, again, source="follows", ce_id="f-2", headers=headers),
        record(2, {"email": "ann@example.com", "message": "hello"}, source="web", ce_id="1"),
    )
    assert [row["outcome"] for row in await bench.receipts()] == ["new", "merged", "merged"]
    assert [event_of(one)["lead"].get("state", "lead") for one in settled] == ["target", "target", "lead"]
