"""Facts of leads with more than one submission."""

from datetime import timedelta
from functools import reduce
from itertools import permutations
from typing import Any

import pytest

from services.capture.domain.fact_shape import LeadFacts
from services.capture.domain.facts import facts_of, merge_facts, stamp_of, state_from_json, state_to_json
from services.capture.domain.thinning import EXACT_RECORDS, MOST_EXTRA
from services.capture.domain.view import lead_view
from tests.unit.capture.samples import RECEIVED, clean, lead


def state(minute: int, **fields: Any) -> LeadFacts:
    stamp = stamp_of(RECEIVED + timedelta(minutes=minute), f"r{minute:05}")
    return facts_of(clean({"email": "ann@example.com", **fields}), stamp, source_name="web")


def merged(*states: LeadFacts) -> dict[str, Any]:
    whole = states[0]
    for other in states[1:]:
        whole = merge_facts(whole, other)
    return lead_view(whole, "l")


def test_the_latest_value_wins_whatever_the_order_and_blanks_do_not() -> None:
    view = merged(state(2, title="CTO"), state(3, title=" "), state(1, title="VP", last_name="Lee"))
    assert (view["title"], view["last_name"]) == ("CTO", "Lee")


def test_the_first_source_stays_and_touches_show_both() -> None:
    view = merged(state(2, source="Webinar", campaign="b"), state(1, source="google ads", campaign="a"))
    assert (view["source"], view["source_detail"], view["source_raw"]) == ("search", "paid", "google ads")
    assert view["campaign"] == "a"
    assert (view["first_touch"]["source"], view["last_touch"]["source"]) == ("search", "event")
    assert view["first_touch"]["at"] == "2026-01-10T12:01:00Z"


def test_an_address_changes_as_a_whole_and_a_country_alone_replaces_none() -> None:
    full = state(1, address={"city": "Paris", "country": "France"})
    assert merged(full, state(2, address={"country": "US"}))["address"] == {"city": "Paris", "country": "FR"}
    assert merged(full, state(2, address={"city": "Rome"}))["address"] == {"city": "Rome"}


def test_originals_and_warnings_leave_with_their_value() -> None:
    view = merged(state(1, address={"city": " Paris", "country": "Atlantis"}), state(2, address={"city": "Rome"}))
    assert (view["warnings"], view["raw"]) == ([], {})


def test_a_full_name_is_given_up_for_newer_parts() -> None:
    assert merged(state(1, name="Dr. Ann Lee"))["name"] == "Dr. Ann Lee"
    view = merged(state(1, name="Dr. Ann Lee"), state(2, last_name="Miller"))
    assert (view["name"], view["first_name"]) == ("Ann Miller", "Ann")


def test_emails_and_phones_are_unions_in_order_of_time() -> None:
    view = merged(state(2, emails=["z@example.com"], phone="+1 415 555 0101"), state(1, phone="+1 415 555 0100"))
    assert view["emails"] == ["ann@example.com", "z@example.com"]
    assert view["phones"] == ["+14155550100", "+14155550101"]
    assert view["phone"] == "+14155550100"


def test_a_refusal_stays_and_brings_its_evidence() -> None:
    view = merged(
        state(1, consent={"marketing_email": False, "text": "no"}), state(2, consent={"marketing_email": True})
    )
    assert view["consent"] == {"marketing_email": False, "text": "no"}


def test_the_company_domain_is_of_the_website_else_of_a_company_mailbox() -> None:
    assert lead({"email": "a@mail.corp-one.com"})["company"]["domain"] == "corp-one.com"
    assert lead({"email": "a@gmail.com"})["company"] == {}
    assert lead({"email": "a@one.com", "company": {"website": "https://two.com"}})["company"]["domain"] == "two.com"
    odd = lead({"email": "a@one.com", "company": {"website": "soon"}})
    assert (odd["company"]["domain"], odd["warnings"]) == ("one.com", ["website_unparseable"])


def test_free_and_disposable_flags_are_of_the_first_address() -> None:
    free, thrown = lead({"email": "a@gmail.com"}), lead({"email": "a@mailinator.com"})
    assert (free["email_free"], free["email_disposable"]) == (True, False)
    assert (thrown["email_free"], thrown["email_disposable"]) == (False, True)
    assert lead({"phone": "+1 415 555 0100"})["email_free"] is False


def test_short_forms_of_objects_and_lists() -> None:
    view = lead({"email": ["a@one.com", "b@one.com"], "company": "One Ltd", "address": "1 Main St", "products": "crm"})
    assert view["emails"] == ["a@one.com", "b@one.com"]
    assert (view["company"]["name"], view["company"]["name_key"]) == ("One Ltd", "one")
    assert (view["address"], view["products"]) == ({"street": "1 Main St"}, ["crm"])


@pytest.mark.parametrize("backwards", [False, True])
def test_a_busy_lead_stays_small_and_counts_on(backwards: bool) -> None:
    total = EXACT_RECORDS + 50
    states = [state(minute) for minute in range(total)]
    whole = states.pop(0)
    for one in reversed(states) if backwards else states:
        whole = merge_facts(whole, one)
    assert lead_view(whole, "l")["touch_count"] == total
    assert (len(whole.layers), len(whole.silent)) == (2, EXACT_RECORDS)  # what a merge looks at, and what it does not
    assert merge_facts(whole, states[-1]) == whole
    assert state_from_json(state_to_json(whole)) == whole


def test_of_unknown_fields_those_sent_last_stay_whatever_the_order() -> None:
    states = [state(minute, **{f"field_{minute}_{n}": n for n in range(150)}) for minute in range(5)]
    whole = reduce(merge_facts, states)
    extra = lead_view(whole, "l")["extra"]
    assert len(extra) == MOST_EXTRA
    assert {key.split("_")[1] for key in extra} == {"1", "2", "3", "4"}
    for order in permutations(states):
        assert reduce(merge_facts, order) == whole


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 9"):
        state_from_json(b"[9,0,[]]")
