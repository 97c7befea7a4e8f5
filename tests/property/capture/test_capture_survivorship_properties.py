"""Whatever policies fields have, order, grouping and repetition of records and merges give the same lead."""

import json
from functools import reduce
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.capture.domain.fact_shape import LeadFacts, Stamp
from services.capture.domain.facts import facts_of, merge_facts, state_from_json, state_to_json
from services.capture.domain.hygiene import CleanSubmission, read_submission
from services.capture.domain.survivorship import FIELDS, Survivorship
from services.capture.domain.view import lead_view

SOURCES = ("crm", "fair", "web")
SURVIVORSHIPS = st.fixed_dictionaries({name: st.sampled_from(policies) for name, policies in FIELDS.items()}).map(
    lambda fields: Survivorship(fields, SOURCES[:2])
)
TEXTS = st.sampled_from(["CEO", "Chief Executive", " padded  text ", "VP"])
AMOUNTS = st.sampled_from(["5 USD", "40 EUR", 40, 7])
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "title": TEXTS,
        "message": TEXTS,
        "budget": AMOUNTS,
        "products": st.lists(st.sampled_from("abcd"), max_size=3),
        "first_name": st.sampled_from(["Ann", " Bob "]),
        "last_name": st.sampled_from(["Lee", "Li"]),
        "name": st.sampled_from(["Ann Lee", "Dr. Bob Li", "Plato"]),
        "address": st.fixed_dictionaries(
            {}, optional={"city": st.sampled_from(["Paris", "Lyon"]), "country": st.sampled_from(["FR", "Atlantis"])}
        ),
        "company": st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["Example Corp", "Other  Ltd"]),
                "website": st.sampled_from(["example.com", "nowhere"]),
                "industry": TEXTS,
                "employees": st.integers(1, 3),
                "annual_revenue": AMOUNTS,
            },
        ),
    },
)
# Two records of one microsecond are told apart by their ids.
DRAWN = st.lists(st.tuples(PARTS, st.integers(1_767_600_000_000_000, 1_767_600_000_000_003), st.sampled_from(SOURCES)),
                 min_size=1, max_size=6)  # fmt: skip


def _states(drawn: list[tuple[dict[str, Any], int, str]], survivorship: Survivorship) -> list[LeadFacts]:
    states = []
    for number, (document, at, source) in enumerate(drawn):
        found = read_submission(json.dumps({"email": "ann@example.com", **document}).encode())
        assert isinstance(found, CleanSubmission), found
        states.append(facts_of(found, Stamp(at, f"r{number}"), source_name=source, survivorship=survivorship))
    return states


@given(DRAWN, SURVIVORSHIPS, st.randoms(use_true_random=False))
@settings(max_examples=400, deadline=None)
def test_any_order_grouping_and_repetition_gives_the_same_lead(
    drawn: list[tuple[dict[str, Any], int, str]], survivorship: Survivorship, random: Random
) -> None:
    states = _states(drawn, survivorship)
    whole = reduce(merge_facts, states)
    shuffled = states + random.choices(states, k=3)
    random.shuffle(shuffled)
    assert reduce(merge_facts, shuffled) == whole
    cut = random.randrange(len(shuffled))
    left, right = shuffled[:cut] or states[:1], shuffled[cut:] + states
    stored = state_from_json(state_to_json(reduce(merge_facts, left)), survivorship)
    grouped = merge_facts(stored, reduce(merge_facts, right))
    assert grouped == whole
    assert json.dumps(lead_view(grouped, "l")) == json.dumps(lead_view(whole, "l"))
    assert merge_facts(whole, whole) == whole


@given(DRAWN, SURVIVORSHIPS)
@settings(max_examples=200, deadline=None)
def test_no_product_is_lost_where_they_are_united(
    drawn: list[tuple[dict[str, Any], int, str]], survivorship: Survivorship
) -> None:
    view = lead_view(reduce(merge_facts, _states(drawn, survivorship)), "l")
    sent = [product for document, *_ in drawn for product in document.get("products", ())]
    if survivorship.fields["products"] == "union":
        assert sorted(view["products"]) == sorted(set(sent))
    else:
        assert set(view["products"]) <= set(sent)
    assert len(view["products"]) == len(set(view["products"]))
