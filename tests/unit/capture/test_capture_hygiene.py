"""The nightly look at leads: what is stale, who cannot be reached, where somebody works now."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.capture.adapters.verifier_http import HttpVerifier
from services.capture.domain.cleaning import clean, cleaned
from services.capture.domain.erasing import blanked
from services.capture.domain.fact_shape import LeadFacts, Stamp
from services.capture.domain.facts import facts_of, merge_facts, stamp_of
from services.capture.domain.freshness import NIGHTLY, Hygiene, next_check
from services.capture.domain.hygiene_rules import load_hygiene
from services.capture.domain.verifying import Contact, Finding, contact_of, together, verify_offline
from services.capture.domain.view import lead_view
from services.capture.hygiene_ports import VerifierUnavailable
from shared.contracts.events.lead import Lead
from shared.rules import RuleFileError
from tests.unit.capture.samples import RECEIVED
from tests.unit.capture.samples import clean as clean_submission

ANN: dict[str, Any] = {
    "email": "ann@northwind-robotics.com",
    "phone": "+14155552671",
    "first_name": "Ann",
    "last_name": "Lee",
    "title": "CEO",
    "company": {"name": "Northwind Robotics Inc."},
    "address": {"city": "Springfield", "country": "US"},
}
RULES = Path(__file__).parents[3] / "services/capture/hygiene.yaml"


def facts(fields: dict[str, Any], *, day: int = 0) -> LeadFacts:
    stamp = stamp_of(RECEIVED + timedelta(days=day), f"record-{day}")
    return facts_of(clean_submission(fields), stamp, source_name="web")


def view(state: LeadFacts) -> dict[str, Any]:
    whole = lead_view(state, "lead-1")
    Lead.model_validate(whole)
    return whole


def look(state: LeadFacts, day: int, finding: Finding | None = None, hygiene: Hygiene = NIGHTLY) -> LeadFacts | None:
    """The lead after a night's look; None where nothing is new of it."""
    now = RECEIVED + timedelta(days=day)
    found = finding or verify_offline(contact_of("lead-1", state))
    change = clean(state, found, hygiene, now, now.isoformat())
    return None if change is None else cleaned(state, Stamp(stamp_of(now, "").received_us, f"~night-{day}"), change)


def looked(state: LeadFacts, day: int, finding: Finding | None = None) -> LeadFacts:
    after = look(state, day, finding)
    assert after is not None
    return after


def test_fields_that_nobody_confirmed_for_long_are_flagged_once() -> None:
    state = facts(ANN)
    assert look(state, 364) is None
    state = looked(state, 366)
    assert view(state)["stale_fields"] == ["email", "phone", "title", "company.name"]
    assert look(state, 400) is None
    assert "address" in view(looked(state, 731))["stale_fields"]


def test_what_is_told_anew_is_stale_no_more_and_whoever_comes_can_be_reached() -> None:
    state = looked(facts(ANN), 366)
    state = merge_facts(state, facts({"email": "ann@northwind-robotics.com", "title": "CEO"}, day=370))
    assert view(state)["stale_fields"] == ["company.name"]
    assert look(state, 371) is None


def test_what_a_verifier_confirms_is_not_stale() -> None:
    state = looked(facts(ANN), 366, Finding("lead-1", confirmed=("title", "email", "nonsense")))
    assert view(state)["stale_fields"] == ["phone", "company.name"]
    assert look(state, 366 + 363) is None
    assert "title" in view(looked(state, 366 + 366))["stale_fields"]


def test_an_address_whose_ending_does_not_exist_cannot_be_reached_and_a_bounce_stands() -> None:
    state = looked(facts({"email": "ann@northwind.robotik"}), 1)
    assert view(state)["contactable"] == {"email": False, "any": False, "reasons": {"email": "invalid_email"}}
    assert look(state, 2) is None


def test_what_only_an_earlier_night_said_is_taken_back() -> None:
    state = looked(facts({"email": "ann@northwind.com"}), 1, Finding("lead-1", undeliverable=("ann@northwind.com",)))
    assert view(state)["contactable"]["email"] is False
    assert "contactable" not in view(looked(state, 2))


@pytest.mark.parametrize(
    ("fields", "risks"),
    [
        ({"email": "info@northwind.com"}, ["email_role"]),
        ({"email": "x@mailinator.com"}, ["email_disposable"]),
        ({"email": "test@northwind.com", "external_id": "1"}, ["email_placeholder"]),
        ({"phone": "+19995550100"}, ["phone_unassigned"]),
        ({"email": "ann@northwind.co.uk", "phone": "+14155552671"}, []),
    ],
)
def test_doubts_are_warnings_and_no_verdict(fields: dict[str, Any], risks: list[str]) -> None:
    state = facts(fields)
    after = look(state, 1)
    assert (after is not None) == bool(risks)
    shown = view(after or state)
    assert [code for code in shown["warnings"] if code in risks] == risks
    assert "contactable" not in shown


def test_a_doubt_that_is_gone_is_no_warning_any_more() -> None:
    state = looked(facts({"email": "ann@northwind.com"}), 1, Finding("lead-1", risks=("email_catch_all",)))
    assert "email_catch_all" in view(state)["warnings"]
    assert view(looked(state, 2))["warnings"] == []


def test_a_new_employer_moves_the_old_one_to_the_previous_ones() -> None:
    state = looked(facts(ANN), 90, Finding("lead-1", facts={"company.name": "Fabrikam GmbH", "title": "CTO"}))
    shown = view(state)
    assert (shown["company"]["name"], shown["title"]) == ("Fabrikam GmbH", "CTO")
    until = (RECEIVED + timedelta(days=90)).isoformat().replace("+00:00", "Z")
    assert shown["previous_companies"] == [{"name": "Northwind Robotics Inc.", "until": until}]
    assert shown["touch_count"] == 1


def test_fill_empty_leaves_what_is_known() -> None:
    careful = replace(NIGHTLY, fill={"title": "empty", "company.name": "empty"})
    found = Finding("lead-1", facts={"title": "CTO", "company.name": "Fabrikam"})
    assert look(facts(ANN), 1, found, careful) is None
    filled = look(facts({"email": "ann@northwind.com"}), 1, found, careful)
    assert filled is not None and view(filled)["title"] == "CTO"


def test_a_submission_that_names_another_company_keeps_the_old_one_in_any_order() -> None:
    told = [
        facts({**ANN, "company": {"name": name}}, day=day)
        for day, name in enumerate(["Alpha", "Beta", "Alpha", "Gamma"])
    ]
    for order in (told, told[::-1], [told[2], told[0], told[3], told[1]]):
        state = order[0]
        for other in order[1:]:
            state = merge_facts(state, other)
        assert view(state)["company"]["name"] == "Gamma"
        assert [one["name"] for one in view(state)["previous_companies"]] == ["Beta", "Alpha"]


def test_another_spelling_is_no_other_employer() -> None:
    state = merge_facts(facts(ANN), facts({**ANN, "company": {"name": "Northwind Robotics International"}}, day=3))
    assert "previous_companies" not in view(state)


def test_of_many_employers_the_last_ones_are_kept() -> None:
    state = facts({**ANN, "company": {"name": "Employer 0"}})
    for day in range(1, 40):
        state = merge_facts(state, facts({**ANN, "company": {"name": f"Employer {day}"}}, day=day))
    assert [one["name"] for one in view(state)["previous_companies"]] == [f"Employer {n}" for n in range(30, 39)]
    assert len(state.layers) <= 11


def test_an_erased_lead_is_passed_over_whatever_a_verifier_says() -> None:
    found = Finding("lead-1", risks=("email_role",), facts={"title": "CEO"})
    assert look(blanked(facts(ANN)), 900, found) is None


def test_a_lead_is_looked_at_again_when_something_of_it_grows_stale_or_after_90_days() -> None:
    state = facts(ANN)
    assert next_check(state, NIGHTLY, RECEIVED) == RECEIVED + timedelta(days=90)
    late = RECEIVED + timedelta(days=350)
    assert next_check(state, NIGHTLY, late) == RECEIVED + timedelta(days=365)


@pytest.mark.parametrize(("hour", "day"), [(1, 5), (2, 5), (3, 6)])
def test_the_next_night_is_the_next_time_that_the_clock_says_so(hour: int, day: int) -> None:
    now = datetime(2026, 1, 5, hour, 0, tzinfo=UTC)
    assert NIGHTLY.next_night(now) == datetime(2026, 1, day, 2, 30, tzinfo=UTC)


def test_the_shipped_rules_are_what_holds_where_nothing_is_set() -> None:
    assert load_hygiene(RULES.read_bytes(), file="hygiene.yaml") == NIGHTLY


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("at: '25:00'", "at"),
        ("stale_after_days: {shoe_size: 3}", "shoe_size"),
        ("fill: {email: empty}", "one of title"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(wrong: str, said: str) -> None:
    with pytest.raises(RuleFileError) as refused:
        load_hygiene(f"kind: hygiene\nversion: 1\n{wrong}\n", file="mine.yaml")
    assert "mine.yaml:3" in str(refused.value) and said in str(refused.value)


def test_a_file_may_move_the_night() -> None:
    assert load_hygiene('kind: hygiene\nversion: 1\nat: "23:05"\n', file="mine.yaml").at == time(23, 5)


def test_findings_of_several_verifiers_are_joined() -> None:
    found = together(
        [Finding("a", risks=("x",), facts={"title": "1"}), Finding("a", risks=("y",), facts={"title": "2"})]
    )
    assert found["a"] == Finding("a", risks=("x", "y"), facts={"title": "2"})


async def ask(answer: httpx.Response, seen: list[httpx.Request] | None = None) -> list[Finding]:
    def respond(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return answer

    verifier = HttpVerifier("https://verify.example/page", "k", transport=httpx.MockTransport(respond))
    try:
        return list(await verifier.verify([Contact("lead-1", ("ann@northwind.com",), title="CEO")]))
    finally:
        await verifier.close()


async def test_a_verifier_over_http_is_asked_with_its_key_and_answers_for_leads_that_were_asked_about() -> None:
    seen: list[httpx.Request] = []
    said = {"findings": [{"lead_id": "lead-1", "undeliverable": ["ann@northwind.com"]}, {"lead_id": "lead-2"}]}
    assert await ask(httpx.Response(200, json=said), seen) == [Finding("lead-1", ("ann@northwind.com",))]
    assert seen[0].headers["authorization"] == "Bearer k" and b'"lead_id":"lead-1"' in seen[0].content


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(302, headers={"location": "https://elsewhere.example"}),
        httpx.Response(200, text="no json"),
        httpx.Response(200, json={"findings": [{"lead_id": 7}]}),
        httpx.Response(200, text="x" * 600_000),
    ],
    ids=["error", "redirect", "no json", "other shape", "too large"],
)
async def test_a_verifier_that_answers_nonsense_does_not_answer(answer: httpx.Response) -> None:
    with pytest.raises(VerifierUnavailable):
        await ask(answer)
