"""Targets and leads, lists, marks: what a lead's facts say beside its submissions."""

import json
from datetime import timedelta
from typing import Any

from services.capture.domain.fact_shape import LeadFacts, Stamp
from services.capture.domain.facts import facts_of, merge_facts, stamp_of, state_from_json, state_to_json
from services.capture.domain.lifecycle import (
    Channel,
    Mark,
    as_lead,
    joined_junk,
    list_of,
    marked,
    refusals_of,
    state_of,
    units_of_mark,
)
from services.capture.domain.view import lead_view
from shared.contracts.events.lead import Lead
from tests.unit.capture.samples import RECEIVED, clean, lead

LISTED: dict[str, Any] = {
    "email": "ann@example.com",
    "phone": "+14155550100",
    "state": "target",
    "list": {"name": "CFOs 2026", "vendor": "Data Inc", "cost": "500 EUR", "params": {"seniority": "c-level"}},
}


def facts(fields: dict[str, Any], *, day: int = 0) -> LeadFacts:
    return facts_of(clean(fields), stamp_of(RECEIVED + timedelta(days=day), f"record-{day}"), source_name="web")


def view(state: LeadFacts) -> dict[str, Any]:
    whole = lead_view(state, "lead-1")
    Lead.model_validate(whole)
    return whole


def mark(state: LeadFacts, said: Mark, *, channel: Channel | None = None, day: int = 5) -> LeadFacts:
    stamp = Stamp(stamp_of(RECEIVED + timedelta(days=day), "").received_us, f"~mark-{day}")
    units = units_of_mark(state, said, channel, "2026-01-15T12:00:00Z")
    refused = refusals_of(said, channel)
    return marked(state, stamp, units, {"c": refused} if refused else None)


def test_a_plain_lead_says_nothing_of_all_this() -> None:
    assert not {"state", "contactable", "list", "stale_fields"} & lead({"email": "ann@example.com"}).keys()


def test_a_listed_person_is_a_target_with_the_list_and_what_it_cost() -> None:
    found = lead(LISTED)
    assert found["state"] == "target"
    assert found["list"] == {
        "name": "CFOs 2026",
        "vendor": "Data Inc",
        "cost": {"amount": "500", "currency": "EUR"},
        "params": {"seniority": "c-level"},
    }


def test_whoever_responds_is_a_lead_and_no_list_makes_it_a_target_again() -> None:
    listed, responded = facts(LISTED), facts({"email": "ann@example.com", "message": "Call me"}, day=2)
    again = facts({**LISTED, "list": {"name": "CFOs 2027"}}, day=9)
    for order in ([listed, responded, again], [again, listed, responded], [responded, again, listed]):
        state = order[0]
        for other in order[1:]:
            state = merge_facts(state, other)
        assert state_of(state) == "lead" and "state" not in view(state)
        assert view(state)["list"]["name"] == "CFOs 2026"


def test_two_lists_leave_a_target_a_target_of_the_first_list() -> None:
    state = merge_facts(facts(LISTED), facts({**LISTED, "list": {"name": "CFOs 2027"}}, day=9))
    assert view(state)["state"] == "target" and list_of(state) == "CFOs 2026"


def test_a_field_of_the_sources_own_that_is_called_state_or_list_stays_its_own() -> None:
    found = lead({"email": "ann@example.com", "state": "CA", "list": ["a"]})
    assert found["extra"] == {"state": "CA", "list": ["a"]} and "state" not in found


def test_what_cannot_be_read_of_a_list_is_left_out_and_the_lead_taken() -> None:
    found = lead({**LISTED, "list": {"name": "L", "cost": "a lot", "vendor": 7, "params": {"deep": {"er": 1}}}})
    assert found["list"] == {"name": "L", "cost": None}


def test_a_bounce_is_of_the_addresses_known_then_and_a_new_one_is_reachable() -> None:
    state = mark(facts({"email": "ann@example.com"}), "bounced", channel="email")
    assert view(state)["contactable"] == {"email": False, "any": False, "reasons": {"email": "bounced"}}
    state = merge_facts(state, facts({"email": "ann@northwind.example", "external_id": "1"}, day=9))
    assert "contactable" not in view(state)


def test_with_another_channel_left_somebody_can_be_reached() -> None:
    state = mark(facts(LISTED), "bounced", channel="email")
    assert view(state)["contactable"] == {"email": False, "any": True, "reasons": {"email": "bounced"}}
    state = mark(state, "invalid_phone", channel="phone", day=6)
    assert view(state)["contactable"]["any"] is False


def test_whoever_opted_out_has_refused_too_also_for_addresses_to_come() -> None:
    state = mark(facts({**LISTED, "consent": {"marketing_email": True}}), "opted_out")
    state = merge_facts(state, facts({"email": "new@example.com", "external_id": "1"}, day=9))
    assert view(state)["contactable"] == {
        "email": False,
        "phone": False,
        "any": False,
        "reasons": {"email": "opted_out", "phone": "opted_out"},
    }
    assert view(state)["consent"] == {"marketing_email": False, "marketing_phone": False}


def test_reachable_takes_back_what_was_said() -> None:
    state = mark(mark(facts(LISTED), "opted_out", channel="email"), "bounced", channel="email", day=6)
    assert "contactable" not in view(mark(state, "reachable", channel="email", day=7))


def test_junk_is_reached_by_nothing_until_somebody_takes_it_up() -> None:
    state = mark(mark(facts({"email": "ann@example.com"}), "opted_out", channel="email"), "junk", day=6)
    reasons = {"email": "opted_out", "phone": "junk"}
    assert view(state)["contactable"] == {"email": False, "phone": False, "any": False, "reasons": reasons}
    assert view(mark(state, "reachable", day=7))["contactable"]["reasons"] == {"email": "junk", "phone": "junk"}
    assert view(mark(state, "not_junk", day=7))["contactable"] == {
        "email": False, "any": False, "reasons": {"email": "opted_out"},
    }  # fmt: skip


def test_two_leads_who_are_one_person_are_junk_only_where_both_were() -> None:
    junk, good = mark(facts({"email": "ann@example.com"}), "junk"), facts({"phone": "+14155550100"}, day=2)
    for one, other in ((junk, good), (good, junk)):
        assert "contactable" not in view(merge_facts(*joined_junk(one, other)))
    both = merge_facts(*joined_junk(junk, mark(good, "junk", day=8)))
    assert view(both)["contactable"]["any"] is False
    later = merge_facts(junk, facts({"email": "ann@example.com", "title": "CEO"}, day=9))
    assert view(later)["contactable"]["any"] is False  # a submission is not another lead


def test_a_mark_is_no_touch_and_promotes_nobody() -> None:
    before = facts({**LISTED, "touch": {"utm_source": "vendor"}})
    state = mark(before, "bounced", channel="email")
    assert view(state)["state"] == "target"
    for part in ("touch_count", "first_touch", "last_touch"):
        assert view(state)[part] == view(before)[part]


def test_marks_that_later_ones_replace_leave_nothing_behind() -> None:
    state = facts(LISTED)
    for day in range(1, 40):
        state = mark(state, "bounced", channel="email", day=day)
    assert len(state.layers) == 2


def test_a_promoted_target_is_a_lead_with_all_it_was() -> None:
    state = as_lead(mark(facts(LISTED), "bounced", channel="email"))
    assert "state" not in view(state) and view(state)["contactable"]["email"] is False


def test_marks_survive_being_stored() -> None:
    state = mark(facts(LISTED), "opted_out")
    assert state_from_json(state_to_json(state)) == state
    assert json.loads(state_to_json(state))[2][1][2]["m"]["email"][0] == "opted_out"
