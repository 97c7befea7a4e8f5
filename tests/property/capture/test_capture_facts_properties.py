"""Merging facts is commutative, associative and idempotent, and equals one merge of everything at once."""

import json
from collections.abc import Mapping
from functools import reduce
from itertools import permutations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.capture.domain.fact_shape import LeadFacts, Stamp
from services.capture.domain.facts import facts_of, merge_facts, state_from_json, state_to_json
from services.capture.domain.hygiene import CleanSubmission, read_submission
from services.capture.domain.view import lead_view

PARTS = st.fixed_dictionaries(
    {},
    optional={
        "email": st.sampled_from(["ann@example.com", "Ann@Example.com", "ann@gmail.com", "no address"]),
        "emails": st.lists(st.sampled_from(["bob@example.com", "ANN@example.com", "x@mailinator.com"]), max_size=2),
        "phone": st.sampled_from(["+1 415 555 0100", "+14155550100", "call me", "+441111111111"]),
        "first_name": st.sampled_from(["Ann", "Anna", " Bob "]),
        "last_name": st.sampled_from(["Lee", "Li"]),
        "name": st.sampled_from(["Ann Lee", "Dr. Bob Li"]),
        "company": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["Example Corp", "Other  Ltd"]),
                "website": st.sampled_from(["example.com", "nowhere"]),
                "annual_revenue": st.sampled_from(["5 USD", 7]),
                "colour": st.sampled_from(["red", "blue"]),
            },
        ),
        "address": st.fixed_dictionaries(
            {},
            optional={
                "city": st.sampled_from(["Springfield", "Paris"]),
                "country": st.sampled_from(["US", "France", "Atlantis"]),
            },
        ),
        "source": st.sampled_from(["website", "Google Ads", "from my aunt"]),
        "campaign": st.sampled_from(["spring", "autumn"]),
        "touch": st.fixed_dictionaries(
            {}, optional={"utm_source": st.sampled_from(["google", "bing"]), "odd": st.just(1)}
        ),
        "consent": st.fixed_dictionaries(
            {},
            optional={
                "marketing_email": st.booleans(),
                "by_post": st.booleans(),
                "text": st.sampled_from(["yes", "no"]),
                "at": st.sampled_from(["2026-01-05T10:00:00Z", "2099-01-05T10:00:00Z", "yesterday", 1767607200]),
            },
        ),
        "extra": st.dictionaries(st.sampled_from(["a", "b"]), st.integers(0, 3), max_size=2),
        "colour": st.sampled_from(["red", "blue"]),
        "state": st.sampled_from(["target", "target", "lead", "CA"]),
        "list": st.sampled_from([{"name": "one", "cost": "500 EUR"}, {"name": "two"}, "none"]),
    },
)
TIMES = st.integers(1_767_600_000_000_000, 1_767_600_000_000_003)


def _state(document: Mapping[str, object], at: int, number: int) -> LeadFacts:
    found = read_submission(json.dumps({"external_id": "7", **document}).encode())
    assert isinstance(found, CleanSubmission), found
    return facts_of(found, Stamp(at, f"r{number}"), source_name=f"source-{number % 2}")


STATES = st.lists(st.tuples(PARTS, TIMES), min_size=1, max_size=5).map(
    lambda drawn: [_state(document, at, number) for number, (document, at) in enumerate(drawn)]
)


@given(STATES, st.randoms(use_true_random=False))
@settings(max_examples=500, deadline=None)
def test_any_order_grouping_and_repetition_gives_the_same_lead(states: list[LeadFacts], random: Random) -> None:
    whole = reduce(merge_facts, states)
    shuffled = states + random.choices(states, k=3)
    random.shuffle(shuffled)
    assert reduce(merge_facts, shuffled) == whole
    cut = random.randrange(len(shuffled))
    left, right = shuffled[:cut] or states[:1], shuffled[cut:] + states
    grouped = merge_facts(reduce(merge_facts, left), reduce(merge_facts, right))
    assert grouped == whole
    assert json.dumps(lead_view(grouped, "l")) == json.dumps(lead_view(whole, "l"))
    assert merge_facts(whole, whole) == whole
    assert lead_view(whole, "l")["touch_count"] == len(states)


@given(st.lists(st.tuples(PARTS, TIMES), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_every_permutation_of_few_records_agrees(drawn: list[tuple[dict[str, object], int]]) -> None:
    states = [_state(document, at, number) for number, (document, at) in enumerate(drawn)]
    assert len({state_to_json(reduce(merge_facts, order)) for order in _canonical(states)}) == 1


def _canonical(states: list[LeadFacts]) -> list[tuple[LeadFacts, ...]]:
    return list(permutations(states))


@given(STATES)
@settings(deadline=None)
def test_the_stored_form_is_the_state(states: list[LeadFacts]) -> None:
    whole = reduce(merge_facts, states)
    stored = state_to_json(whole)
    assert lead_view(state_from_json(stored), "l") == lead_view(whole, "l")
    assert state_to_json(state_from_json(stored)) == stored


@given(STATES)
@settings(deadline=None)
def test_first_touch_is_the_minimum_and_last_touch_the_maximum(states: list[LeadFacts]) -> None:
    view = lead_view(reduce(merge_facts, states), "l")
    stamps = sorted(state.layers[0].stamp for state in states)
    assert view["first_touch"]["record_id"] == stamps[0].record_id
    assert view["last_touch"]["record_id"] == stamps[-1].record_id


@given(STATES)
@settings(deadline=None)
def test_a_refusal_of_consent_beats_every_agreement(states: list[LeadFacts]) -> None:
    said = [state.layers[0].facts.get("c", {}).get("marketing_email") for state in states]
    expected = None if all(value is None for value in said) else False not in said
    assert lead_view(reduce(merge_facts, states), "l")["consent"].get("marketing_email") is expected
