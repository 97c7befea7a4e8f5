"""The gate: default, score and grades, required facts, and what is said of a closed one."""

import json
from pathlib import Path
from typing import Any

import pytest

import services.conversion
from services.conversion import rules_kind
from services.conversion.domain.gate import Closed, Gate, Open, Passage, check_gate, compile_gate, judge, load_gate
from services.conversion.domain.leads import LeadState, of_merge
from shared.rules import RuleFileError
from tests.support.conversion import lead, lead_id, state

DEFAULT = (Path(services.conversion.__file__).parent / "rules" / "gate.yaml").read_text()
BANT = """
kind: gate
name: bant
grades: [A, B]
criteria:
  - {id: budget, name: a budget of 10000 or more, when: {field: budget.amount, gte: 10000}}
  - {id: authority, name: somebody who decides, when: {field: title, matches: '\\b(vp|chief|head)\\b'}}
  - {id: need, name: a need, when: {field: message, is_empty: false}}
"""


def gate(text: str) -> Gate:
    return compile_gate(load_gate(text, "gate.yaml").model, {"version": 1})


def passage(known: LeadState, asked: Gate, *, identity_only: bool = False) -> Passage:
    return judge(asked.see(known.routed or b""), asked, identity_only=identity_only)


def test_the_default_gate_opens_for_a_good_lead_and_says_what_was_met() -> None:
    assert passage(state(1), gate(DEFAULT)) == Open(
        (
            "a score of 60 or more",
            "a name",
            "an e-mail address or a phone number",
            "a company",
            "a way to reach them that has not bounced and that nobody opted out of",
        )
    )


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"value": 59}, ("a score of 60 or more",)),
        ({"first_name": None, "last_name": "", "name": None}, ("a name",)),
        ({"email": None, "phone": None}, ("an e-mail address or a phone number",)),
        ({"company": None}, ("a company",)),
        ({"value": 0, "company": {"name": " "}}, ("a score of 60 or more", "a company")),
    ],
)
def test_the_default_gate_names_what_is_missing(given: dict[str, Any], missing: tuple[str, ...]) -> None:
    assert passage(state(1, **given), gate(DEFAULT)) == Closed(missing)


@pytest.mark.parametrize("enough", [{"phone": None}, {"email": None}, {"company": {"domain": "a.example"}}])
def test_one_of_several_facts_is_enough(enough: dict[str, Any]) -> None:
    assert isinstance(passage(state(1, **enough), gate(DEFAULT)), Open)


def test_a_lead_that_was_never_scored_does_not_pass() -> None:
    assert passage(of_merge(lead_id(1), 1, lead(1)), gate(DEFAULT)) == Closed(("a score of 60 or more",))


def test_identity_is_asked_of_everybody() -> None:
    low = state(1, value=0, company=None)
    assert isinstance(passage(low, gate(DEFAULT), identity_only=True), Open)
    nobody = state(1, value=99, email=None, phone=None)
    closed = passage(nobody, gate(DEFAULT), identity_only=True)
    assert closed == Closed(("an e-mail address or a phone number",))


def test_budget_authority_need_by_grade() -> None:
    assert isinstance(passage(state(1), gate(BANT)), Open)
    assert passage(state(1, value=50, budget={"amount": "9999.99"}), gate(BANT)) == Closed(
        ("grade A or B", "a budget of 10000 or more")
    )


def test_an_empty_gate_is_open() -> None:
    assert check_gate({}, gate("kind: gate\n")) == Open(())


def test_a_gate_may_ask_who_holds_the_lead() -> None:
    ours = gate("kind: gate\ncriteria:\n  - {id: a, name: ann, when: {field: assignment.owner, eq: ann}}\n")
    assert isinstance(passage(state(1), ours), Open)
    assert passage(state(1, owner=None), ours) == Closed(("ann",))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("kind: gate\nmin_score: -1\n", "gate.yaml:2:12"),
        ("kind: gate\ngrades: [E]\n", "gate.yaml:2:10"),
        ("kind: gate\nmin_scor: 1\n", "gate.yaml:2:1"),
        ("kind: gate\ncriteria:\n  - {id: a, name: b, when: {field: emial, exists: true}}\n", "did you mean email?"),
        ("kind: gate\ncriteria:\n  - {id: a, name: b}\n  - {id: a, name: c}\n", "gate.yaml:4"),
        ("kind: scoring\n", "gate.yaml:1:7"),
    ],
)
def test_a_broken_gate_is_refused_with_its_place(text: str, place: str) -> None:
    with pytest.raises(RuleFileError) as refused:
        rules_kind.check(text, "gate.yaml")
    assert place in str(refused.value)


def test_the_kind_is_known_by_name() -> None:
    assert (rules_kind.KIND, rules_kind.SERVICE) == ("gate", "conversion")
    assert rules_kind.check(DEFAULT, "gate.yaml") == ()


def known_as(lead: dict[str, Any], assignment: dict[str, Any]) -> LeadState:
    """A good lead with these parts."""
    found = state(1)
    routed = json.loads(found.routed or b"")
    routed["lead"] |= lead
    routed["assignment"] |= assignment
    found.routed = json.dumps(routed).encode()
    return found


@pytest.mark.parametrize(
    ("lead", "assignment", "missing"),
    [
        ({"state": "target"}, {}, "a response: it was only listed"),
        ({"state": "expired"}, {}, "a response: it was only listed"),
        ({}, {"work": {"status": "junk"}}, "open work: it was laid aside"),
        (
            {"contactable": {"email": False, "any": False}},
            {},
            "a way to reach them that has not bounced and that nobody opted out of",
        ),
    ],
)
def test_who_is_not_converted_by_itself_whatever_the_score(
    lead: dict[str, Any], assignment: dict[str, Any], missing: str
) -> None:
    assert passage(known_as(lead, assignment), gate(DEFAULT)) == Closed((missing,))
    assert isinstance(passage(known_as(lead, assignment), gate(DEFAULT), identity_only=True), Open)


def test_a_lead_that_was_taken_up_again_or_has_a_way_left_passes() -> None:
    assert isinstance(passage(known_as({"state": "lead"}, {"work": {"status": "open"}}), gate(DEFAULT)), Open)
    assert isinstance(passage(known_as({"contactable": {"email": False, "any": True}}, {}), gate(DEFAULT)), Open)
