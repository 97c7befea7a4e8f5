"""What people do, on real Postgres: whose it is, what waits, and what a repetition changes: nothing."""

from typing import Any

import orjson
import pytest

from shared.handling.outcomes import Produced
from tests.support.behaviour import ANNS_BROWSER, OTHER_BROWSER, at, behaved, did, events_of, fate, ids_of
from tests.support.capture import Bench, event_of, record
from tests.support.capture_commands import erase, merge

pytestmark = pytest.mark.stack

ANN = "ann@example.com"
BOB = "bob@example.com"


async def lead(bench: Bench, offset: int, email: str, **more: Any) -> str:
    (settled,) = await bench.settle(record(offset, {"email": email, **more}))
    lead_id: str = event_of(settled)["lead"]["lead_id"]
    return lead_id


async def test_an_event_that_names_a_lead_is_the_leads(bench: Bench) -> None:
    ann = await lead(bench, 0, ANN)
    (settled,) = await bench.observe(
        did(1, email=" ANN@example.com ", properties={"url": "https://x.example/en/pricing?a=1", "tags": "CRM, Leads"})
    )
    (said,) = behaved(settled)
    assert (said.lead_id, said.kind, said.matched_by, said.occurred_at) == (ann, "page.viewed", "email", at(1))
    assert (said.category, said.topics) == ("pricing", ["crm", "leads"])
    assert said.origin is not None and said.origin.inbound.offset == 1
    (event,) = events_of(settled)
    assert event.envelope.time == at(1)


async def test_a_lead_is_found_by_its_id_an_outside_id_and_an_unshared_phone(bench: Bench) -> None:
    (settled,) = await bench.settle(
        record(0, {"email": ANN, "phone": "+14155550111", "external_id": "77"}, source="site")
    )
    ann = event_of(settled)["lead"]["lead_id"]
    found = await bench.observe(did(1, external_id=77), did(2, phone="+1 415 555 0111"), did(3, lead_id=ann))
    assert [said.matched_by for said in behaved(*found)] == ["external_id", "phone", "lead_id"]


async def test_a_switchboards_phone_names_nobody(bench: Bench) -> None:
    phone = "+14155550100"
    await lead(bench, 0, ANN, phone=phone, first_name="Ann")
    await lead(bench, 1, BOB, phone=phone, first_name="Bob")
    (settled,) = await bench.observe(did(2, "call.made", phone=phone))
    assert fate(settled) == ("anonymous", "person_unknown")


async def test_what_a_visitor_did_before_becomes_the_leads_once_it_is_known(bench: Bench) -> None:
    ann = await lead(bench, 0, ANN)
    first = await bench.observe(did(1, visitor_id=ANNS_BROWSER), did(2, "site.searched", visitor_id=ANNS_BROWSER))
    assert [fate(one) for one in first] == [("anonymous", "visitor_unknown")] * 2
    batch = (
        did(3, visitor_id=ANNS_BROWSER),
        did(4, "form.submitted", visitor_id=ANNS_BROWSER, email=ANN),
        did(5, visitor_id=ANNS_BROWSER),
    )
    settled = await bench.observe(*batch)
    known = behaved(settled[1])
    assert [(said.kind, said.matched_by, said.occurred_at) for said in known] == [
        ("form.submitted", "email", at(4)),
        ("page.viewed", "visitor", at(1)),
        ("site.searched", "visitor", at(2)),
        ("page.viewed", "visitor", at(3)),
    ]
    assert behaved(settled[0]) == [] and [said.lead_id for said in behaved(settled[2])] == [ann]
    again = await bench.observe(*batch)
    assert ids_of(again) == ids_of(settled)
    assert [event.data for one in again for event in events_of(one)] == [
        event.data for one in settled for event in events_of(one)
    ]
    assert await bench.fetch("SELECT 1 FROM behaviours WHERE waits_for IS NOT NULL OR lead_id IS NULL") == []


async def test_the_second_person_on_a_browser_gets_what_follows_only(bench: Bench) -> None:
    ann, bob = await lead(bench, 0, ANN), await lead(bench, 1, BOB)
    await bench.observe(did(2, visitor_id=ANNS_BROWSER))
    settled = await bench.observe(
        did(3, "form.submitted", visitor_id=ANNS_BROWSER, email=ANN),
        did(4, visitor_id=ANNS_BROWSER),
        did(5, "form.submitted", visitor_id=ANNS_BROWSER, email=BOB),
        did(6, visitor_id=ANNS_BROWSER),
        did(7, minute=4.5, visitor_id=ANNS_BROWSER),
        did(8, minute=0.5, visitor_id=ANNS_BROWSER),
    )
    assert [said.lead_id for said in behaved(*settled)] == [ann, ann, ann, bob, bob, ann, ann]
    leads = await bench.fetch("SELECT 1 FROM leads WHERE merged_into IS NULL")
    assert len(leads) == 2


async def test_each_link_holds_its_evidence(bench: Bench) -> None:
    ann = await lead(bench, 0, ANN)
    (settled,) = await bench.observe(did(3, "form.submitted", visitor_id=ANNS_BROWSER, email=ANN))
    (row,) = await bench.fetch("SELECT lead_id::text, event_id::text, matched_by, evidence FROM visitor_links")
    assert settled.record.event_id == row["event_id"]
    assert (row["lead_id"], row["matched_by"]) == (ann, "email")
    assert orjson.loads(row["evidence"])["kind"] == "form.submitted"


async def test_a_browser_that_many_share_tells_nothing(bench: Bench) -> None:
    for n in range(6):
        await lead(bench, n, f"person{n}@example.com")
    settled = await bench.observe(
        *(did(10 + n, "form.submitted", visitor_id=ANNS_BROWSER, email=f"person{n}@example.com") for n in range(6)),
        did(20, visitor_id=ANNS_BROWSER),
    )
    assert len(behaved(*settled)) == 6
    assert fate(settled[-1]) == ("anonymous", "shared_visitor")


@pytest.mark.parametrize("visitor_id", ["null", "undefined", "000000000", "------", "test", "abc", "[object Object]"])
async def test_an_id_that_is_nobodys_links_nothing(bench: Bench, visitor_id: str) -> None:
    await lead(bench, 0, ANN)
    settled = await bench.observe(did(1, visitor_id=visitor_id), did(2, visitor_id=visitor_id, email=ANN))
    assert fate(settled[0]) == ("anonymous", "blocked_id")
    assert len(behaved(settled[1])) == 1
    assert await bench.fetch("SELECT 1 FROM parties") == []


async def test_ids_of_other_makers_count_within_their_source(bench: Bench) -> None:
    await lead(bench, 0, ANN)
    await bench.observe(did(1, "form.submitted", visitor_id="customer-1", email=ANN))
    (elsewhere,) = await bench.observe(did(2, visitor_id="customer-1")._replace(source="other"))
    (here,) = await bench.observe(did(3, visitor_id="customer-1"))
    assert fate(elsewhere) == ("anonymous", "visitor_unknown") and len(behaved(here)) == 1


async def test_an_event_that_comes_before_its_lead_waits_and_one_of_nobody_does_not(bench: Bench) -> None:
    settled = await bench.observe(did(0, "mail.opened", email=ANN), did(1), did(2, visitor_id=OTHER_BROWSER))
    assert [fate(one)[1] for one in settled] == ["person_unknown", "no_identifier", "visitor_unknown"]
    rows = await bench.fetch("SELECT is_person, waiting FROM parties ORDER BY is_person")
    assert [tuple(row) for row in rows] == [(False, 1), (True, 1)]


async def test_a_visitor_who_names_a_stranger_is_not_taken_for_who_it_was(bench: Bench) -> None:
    await lead(bench, 0, ANN)
    settled = await bench.observe(
        did(1, "form.submitted", visitor_id=ANNS_BROWSER, email=ANN),
        did(2, "form.submitted", visitor_id=ANNS_BROWSER, email="stranger@example.com"),
    )
    assert fate(settled[1]) == ("anonymous", "person_unknown")


async def test_merged_leads_are_found_as_the_one_that_they_became(bench: Bench) -> None:
    ann, bob = await lead(bench, 0, ANN), await lead(bench, 1, BOB)
    await bench.observe(did(2, "form.submitted", visitor_id=ANNS_BROWSER, email=BOB))
    await bench.settle(merge(3, ann, bob))
    settled = await bench.observe(did(4, email=BOB), did(5, lead_id=bob), did(6, visitor_id=ANNS_BROWSER))
    assert [said.lead_id for said in behaved(*settled)] == [ann] * 3


async def test_a_repeated_event_changes_nothing_and_another_body_under_its_id_is_a_conflict(bench: Bench) -> None:
    await lead(bench, 0, ANN)
    first = did(1, email=ANN, ce_id="7")
    await bench.observe(first)
    other = did(3, "mail.opened", email=ANN, ce_id="7")
    settled = await bench.observe(first._replace(offset=2), other)
    assert [fate(one) for one in settled] == [("repeated", "repeated_event"), ("rejected", "id_conflict")]
    assert ids_of(settled) == ids_of(await bench.observe(first._replace(offset=2), other))
    assert len(await bench.fetch("SELECT 1 FROM behaviours")) == 1


BAD: list[tuple[dict[str, Any], str, str | None]] = [
    ({"kind": ""}, "no_kind", "kind"),
    ({"kind": 7}, "invalid_type", "kind"),
    ({"kind": "x" * 101}, "too_long", "kind"),
    ({"properties": [1]}, "invalid_type", "properties"),
    ({"visitor_id": {}}, "invalid_type", "visitor_id"),
    ({"email": "nobody"}, "invalid_email", "email"),
    ({"lead_id": "018f0000-0000-7000-8000-000000000000"}, "unknown_lead", "lead_id"),
    ({"properties": {"a": "x" * 40_000}}, "event_too_large", None),
]


@pytest.mark.parametrize(("said", "code", "field"), BAD)
async def test_bad_events_are_rejected_with_field_and_reason(
    bench: Bench, said: dict[str, Any], code: str, field: str | None
) -> None:
    (settled,) = await bench.observe(did(0, **{"kind": "page.viewed", **said}))
    assert fate(settled) == ("rejected", code)
    assert isinstance(settled.outcome, Produced) and settled.outcome.detail is not None
    assert settled.outcome.detail.get("field") == field
    assert fate((await bench.observe(did(0, **{"kind": "page.viewed", **said})))[0]) == ("rejected", code)


async def test_an_unknown_kind_is_kept_as_it_is_with_fields_that_nobody_knows(bench: Bench) -> None:
    await lead(bench, 0, ANN)
    (settled,) = await bench.observe(did(1, "robot.Waved", email=ANN, arm="left", properties={"times": 3}))
    (said,) = behaved(settled)
    assert said.kind == "robot.Waved" and said.properties == {"arm": "left", "times": 3}


async def test_a_time_that_cannot_be_is_kept_and_the_receipts_counts(bench: Bench) -> None:
    await lead(bench, 0, ANN)
    settled = await bench.observe(did(1, email=ANN, at="2036-01-01T00:00:00Z"), did(2, email=ANN, at="yesterday"))
    said = behaved(*settled)
    assert [each.properties["at_given"] for each in said] == ["2036-01-01T00:00:00Z", "yesterday"]
    assert {each.occurred_at[:16] for each in said} == {"2026-03-01T11:53"}


async def test_what_an_erased_person_did_goes_and_does_not_come_back(bench: Bench) -> None:
    ann = await lead(bench, 0, ANN)
    await bench.observe(did(1, "form.submitted", visitor_id=ANNS_BROWSER, email=ANN), did(2, visitor_id=ANNS_BROWSER))
    await bench.settle(erase(3, ann))
    for table in ("behaviours", "parties", "visitor_links"):
        assert await bench.fetch(f"SELECT 1 FROM {table}") == []
    settled = await bench.observe(
        did(4, "mail.opened", email=ANN), did(5, lead_id=ann), did(6, visitor_id=ANNS_BROWSER)
    )
    assert [fate(one)[1] for one in settled] == ["erased_before", "unknown_lead", "visitor_unknown"]
