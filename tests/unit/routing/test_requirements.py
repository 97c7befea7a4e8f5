"""What is required of a lead before it is given to anybody: documents, the choice, how it is told and tested."""

from typing import Any

import orjson
import pytest

from services.routing.domain.assignment import Choice, choose, find_match, is_waiting, match_rule
from services.routing.domain.cases import AssignmentCases, run_cases
from services.routing.domain.catalogue import facts_of
from services.routing.domain.roster import Member, Roster
from services.routing.domain.rules import load_assignment_rules
from shared.rules import RuleFileError, load_rule_document
from tests.support.routing import document, policy, scored

QUEUES = "sales: {}, marketing: {}, unassigned: {}, incomplete: {}"
ENTRY = "  - id: turn\n    when: {field: score.grade, eq: A}\n    assign: {round_robin: sales}\n"
COUNTRY = (
    "  - {id: country, name: a country, field: address.country, queue: incomplete,"
    " when: {field: address.country, exists: true}}\n"
)
PROJECT = "  - {id: project, name: a project, field: extra.project, queue: marketing, when: {field: extra.project, exists: true}}\n"
TEXT = document(ENTRY, queues=QUEUES) + "requirements:\n" + COUNTRY + PROJECT
SALES = Roster.of([Member("ann", True, ("sales",))])


def chosen(**lead: Any) -> Choice:
    event, rules = scored(1, **lead), policy(TEXT)
    return choose(match_rule(facts_of(event["lead"], event["score"]), rules), rules, SALES, {})


def test_a_lead_that_lacks_something_waits_in_the_queue_of_the_first_requirement() -> None:
    choice = chosen(grade="A")
    assert (choice.owner, choice.queue, choice.rule, choice.strategy) == (None, "incomplete", "country", "requirement")
    assert choice.reason == "requirement_not_met: country needs a country (address.country)"
    assert [(step.rule, step.matched, step.failed) for step in choice.trace] == [
        ("country", False, ["address.country exists true"])
    ]


def test_the_next_requirement_is_tried_and_then_the_entries() -> None:
    somewhere = {"country": "DE"}
    assert chosen(grade="A", address=somewhere).rule == "project"
    whole = chosen(grade="A", address=somewhere, extra={"project": "x"})
    assert (whole.owner, whole.rule, whole.strategy) == ("ann", "turn", "round_robin")


def test_leads_that_answer_alike_are_decided_alike_whatever_was_decided_before() -> None:
    rules = policy(TEXT)
    for address in ({}, {"country": "DE"}, {}, {"country": "DE"}):
        event = scored(1, grade="A", address=address)
        match = find_match(rules.see(orjson.dumps(event["lead"]), orjson.dumps(event["score"])), rules)
        assert match.requirement is not None
        assert match.requirement.id == ("project" if address else "country")


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (COUNTRY.replace("queue: incomplete", "queue: nowhere"), "a queue that stands under queues"),
        (COUNTRY.replace("field: address.country,", "field: adress,"), "a known field"),
        (COUNTRY.replace("id: country", "id: turn"), "an id that no entry of rules has"),
        (COUNTRY.replace("id: country", "id: holding"), "another id"),
        (COUNTRY + COUNTRY, "an id that is used once"),
        (COUNTRY.replace(", when: {field: address.country, exists: true}", ""), "when"),
    ],
)
def test_a_wrong_requirement_is_refused_with_its_place(wrong: str, expected: str) -> None:
    with pytest.raises(RuleFileError) as refused:
        load_assignment_rules(document(ENTRY, queues=QUEUES) + "requirements:\n" + wrong, "assignment.yaml")
    assert expected in str(refused.value) and "requirements[" in str(refused.value)


def test_cases_can_expect_a_requirement() -> None:
    cases = """kind: assignment-tests
members: [{id: ann, queues: [sales]}]
cases:
  - name: Nobody knows where
    score: {grade: A}
    expect: {queue: incomplete, rule: country, owner: null}
  - name: No money
    lead: {address.country: DE}
    expect: {rule: turn}
"""
    loaded = load_assignment_rules(TEXT, "assignment.yaml")
    (wrong,) = run_cases(loaded, load_rule_document(cases, AssignmentCases, file="cases.yaml").model)
    assert (wrong.case, wrong.found) == ("No money", "project")
    assert "project wants extra.project exists true" in wrong.why


def test_a_document_without_requirements_means_the_same_as_ever() -> None:
    plain = document(ENTRY, queues=QUEUES)
    digests = {load_assignment_rules(text, "a.yaml").content_hash for text in (plain, plain + "requirements: []\n")}
    assert len(digests) == 1


def test_only_an_assignment_by_a_requirement_waits() -> None:
    assert is_waiting(b'{"rule":"country","strategy":"requirement","reason":"..."}')
    assert not is_waiting(b'{"strategy":"manual","reason":"\\"strategy\\":\\"requirement\\""}')
