"""Splitting `lead.routed` gives what decoding all of it gives, whatever its parts hold."""

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.conversion.domain.leads import LeadState, read_kept, split_routed
from services.conversion.handlers.reading import RoutedLead, read_routed, state_of
from shared.handling.outcomes import Rejected
from tests.support.conversion import Log, lead_id, routed

# Names that the parts are found by, at any depth.
names = st.sampled_from(
    ["lead", "score", "assignment", "origin", "lead_version", "score_version", "assignment_version", "contributions"]
)
leaves = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=8), names)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.one_of(names, st.text(max_size=4)), inner)),
    max_leaves=12,
)
parts = st.dictionaries(st.one_of(names, st.text(max_size=4)), values, max_size=4)
versions = st.integers(1, 1200)
events = st.fixed_dictionaries(
    {
        "lead": parts.map(lambda lead: {"lead_id": lead_id(1), **lead, "email": "a"}),
        "lead_version": versions,
        "score": parts,
        "score_version": versions,
        "assignment": parts,
        "assignment_version": versions,
        "origin": parts,
    }
)


def decoded(state: LeadState) -> list[Any]:
    texts = (state.lead_json, state.score_json, state.assignment_json, state.origin_json)
    numbers = (state.lead_version, state.score_version, state.assignment_version)
    return [state.lead_id, state.lead, *map(orjson.loads, texts), *numbers]


@given(events)
def test_a_split_event_is_the_decoded_one(event: dict[str, Any]) -> None:
    value = orjson.dumps(event)
    state = split_routed(value)
    plain = state_of(RoutedLead.model_validate_json(value))
    assert state is None or decoded(state) == decoded(plain)
    assert decoded(read_kept(plain.as_json())) == decoded(plain)


@given(events, st.permutations(range(7)))
def test_of_another_order_or_with_spaces_it_is_the_decoded_one_too(event: dict[str, Any], order: list[int]) -> None:
    items = list(event.items())
    other = {items[place][0]: items[place][1] for place in order}
    for value in (orjson.dumps(other), orjson.dumps(other, option=orjson.OPT_INDENT_2)):
        state = read_routed(Log().record("leads.routed.v1", "lead.routed", value))
        assert isinstance(state, LeadState) and decoded(state) == decoded(state_of(RoutedLead(**event)))


@given(st.binary(max_size=40), st.integers(0, 2000), st.integers(0, 40))
def test_a_damaged_lead_is_rejected_and_nothing_raises(noise: bytes, at: int, cut: int) -> None:
    value = routed(1)
    damaged = value[:at] + noise + value[at + cut :]
    state = read_routed(Log().record("leads.routed.v1", "lead.routed", damaged))
    assert isinstance(state, LeadState | Rejected)
    if isinstance(state, LeadState):
        assert orjson.loads(state.lead_json)["lead_id"] == state.lead_id


def test_what_routing_writes_is_split() -> None:
    assert split_routed(routed(1)) is not None


@given(parts)
def test_what_gates_ask_of_a_score_is_found_wherever_it_stands(rest: dict[str, Any]) -> None:
    asked = {"value": 1, "fit": 1, "engagement": 0, "grade": "A", "temperature": "hot"}
    for score in ({**asked, "contributions": [], **rest}, {**rest, "contributions": [], **asked}):
        state = LeadState(lead_id(1), 1, b"{}", 1, orjson.dumps(score))
        found = state.score
        assert found is not None and {name: found[name] for name in asked} == {name: score[name] for name in asked}
