"""Leads that are typed in: the lead of a form when they are the same person, with whoever typed and referred."""

import pytest

from tests.support.capture import Bench, event_of, record

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
