"""Reading no more than the gate asks about comes to what reading everything does; so does mixing parts."""

from pathlib import Path
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

import services.conversion
from services.conversion.domain.gate import check_gate, compile_gate, judge, load_gate
from services.conversion.domain.leads import LeadState, parts_of
from services.conversion.handlers.reading import read_routed
from shared.contracts.lead_fields import facts_of
from shared.handling.outcomes import Rejected
from tests.support.conversion import Log, lead_id, routed

DEFAULT = (Path(services.conversion.__file__).parent / "rules" / "gate.yaml").read_text()
CURIOUS = """
kind: gate
grades: [A, B]
criteria:
  - {id: a, name: a, when: {field: budget.amount, gte: 5}}
  - {id: b, name: b, when: {field: assignment.owner, eq: ann}}
  - {id: c, name: c, when: {field: extra.size, exists: true}}
  - {id: d, name: d, when: {field: company.annual_revenue.amount, lt: 5}}
"""
GATES = [
    compile_gate(load_gate(text, "gate.yaml").model, {"version": 1}) for text in (DEFAULT, CURIOUS, "kind: gate\n")
]

# Names that parts or gates look for, at any depth.
names = st.sampled_from(
    ["lead", "score", "assignment", "origin", "lead_version", "score_version", "assignment_version", "value", "grade",
     "owner", "extra", "size", "company", "annual_revenue", "budget", "amount", "email", "last_name", "name"]
)  # fmt: skip
leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=8), st.sampled_from(["A", "ann", "7"])
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.one_of(names, st.text(max_size=4)), inner)),
    max_leaves=12,
)
parts = st.dictionaries(st.one_of(names, st.text(max_size=4)), values, max_size=6)
versions = st.integers(1, 3)
events = st.fixed_dictionaries(
    {
        "lead": parts.map(lambda lead: {**lead, "lead_id": lead_id(1)}),
        "lead_version": versions,
        "score": parts,
        "score_version": versions,
        "assignment": parts,
        "assignment_version": versions,
        "origin": parts,
    }
)


def read(value: bytes, gate: Any = GATES[0]) -> Any:
    return read_routed(Log().record("leads.routed.v1", "lead.routed", value), gate)


@given(events, st.permutations(range(7)), st.sampled_from([0, orjson.OPT_INDENT_2]))
def test_the_gate_says_the_same_of_what_it_sees_as_of_everything(event: dict[str, Any], order: Any, how: int) -> None:
    items = list(event.items())
    value = orjson.dumps(dict(items[place] for place in order), option=how)
    everything = {**facts_of(event["lead"]), "score": event["score"], "assignment": event["assignment"]}
    for gate in GATES:
        state, seen = read(value, gate)
        assert judge(seen, gate) == check_gate(everything, gate)
        assert (state.lead_id, state.routed) == (lead_id(1), value)


def decoded(state: LeadState) -> dict[str, Any]:
    assert state.routed is not None
    found = parts_of(state.routed)
    whole: dict[str, Any] = orjson.loads(state.routed)
    for name in ("lead", "score", "assignment", "origin"):
        assert orjson.loads(bytes(getattr(found, name))) == whole[name]
    assert (found.lead_version, found.score_version, found.assignment_version) == (
        state.lead_version, state.score_version, state.assignment_version,
    )  # fmt: skip
    return whole


@given(events, events)
def test_mixed_parts_are_the_newer_ones(held: dict[str, Any], other: dict[str, Any]) -> None:
    (state, _), (newer, _) = read(orjson.dumps(held)), read(orjson.dumps(other))
    expected = dict(held)
    for name, beside in (("lead", ["origin"]), ("score", []), ("assignment", [])):
        if other[f"{name}_version"] > held[f"{name}_version"]:
            expected.update({each: other[each] for each in (name, f"{name}_version", *beside)})
    newest = any(other[name] > held[name] for name in held if name.endswith("_version"))
    assert state.take_newer(newer) is newest
    assert decoded(state) == expected


@given(st.binary(max_size=40), st.integers(0, 2000), st.integers(0, 40))
def test_a_damaged_event_is_rejected_or_whole_and_nothing_raises(noise: bytes, at: int, cut: int) -> None:
    value = routed(1)
    found = read(value[:at] + noise + value[at + cut :])
    assert isinstance(found, Rejected) or isinstance(found[0], LeadState)


def test_a_version_written_as_a_text_is_taken_as_before() -> None:
    state, _ = read(routed(1).replace(b'"lead_version":1', b'"lead_version":"7"'))
    assert state.lead_version == decoded(state)["lead_version"] == 7
