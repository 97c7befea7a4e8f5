"""Rule documents: what is refused, where, and what the author is told; what is only warned about."""

import pytest

from services.routing import rules_kind
from services.routing.domain.catalogue import CATALOGUE
from services.routing.domain.rules import load_assignment_rules
from services.routing.seed import RULES_FILE
from shared.contracts.events.lead import Lead
from shared.contracts.events.scoring import Score
from shared.rules import RuleFileError, RuleProblem
from tests.support.routing import document


def refused(text: str) -> RuleProblem:
    with pytest.raises(RuleFileError) as raised:
        load_assignment_rules(text, file="assignment.yaml")
    (problem,) = raised.value.problems
    return problem


def entry(assign: str, *, rule_id: str = "one", when: str = "{field: score.grade, eq: A}") -> str:
    return f"  - id: {rule_id}\n    when: {when}\n    assign: {assign}\n"


def test_the_default_rules_are_accepted_without_a_warning() -> None:
    assert rules_kind.KIND == "assignment"
    assert rules_kind.check(RULES_FILE.read_text(), "assignment.yaml") == ()


def test_a_document_without_a_default_queue_is_refused_and_told_what_to_do() -> None:
    problem = refused("# a comment\nkind: assignment\nqueues: {sales: {}}\nrules: []\n")
    assert (problem.file, problem.line, problem.path) == ("assignment.yaml", 2, "default")
    assert "a default queue" in problem.expected
    assert problem.found_kind == "nothing"
    assert "add `default: {queue: NAME}`" in str(problem)


@pytest.mark.parametrize("default", ["null", "{}", "sales", "{queue: null}", "{owner: ann}"])
def test_a_default_that_names_no_queue_is_refused(default: str) -> None:
    with pytest.raises(RuleFileError) as raised:
        load_assignment_rules(f"kind: assignment\nqueues: {{sales: {{}}}}\ndefault: {default}\n", file="a.yaml")
    assert raised.value.problems[0].line == 3


@pytest.mark.parametrize(
    ("assign", "path", "column"),
    [("{queue: salse}", "rules[0].assign.queue", 21), ("{round_robin: salse}", "rules[0].assign.round_robin", 27)],
)
def test_unknown_queues_are_refused_at_their_place(assign: str, path: str, column: int) -> None:
    problem = refused(document(entry(assign)))
    assert (problem.line, problem.column, problem.path) == (7, column, path)
    assert problem.expected == "a queue that stands under queues"
    assert problem.hint is not None and "sales, marketing, unassigned" in problem.hint


def test_a_default_queue_must_be_declared() -> None:
    problem = refused("kind: assignment\nqueues: {sales: {}}\ndefault: {queue: unassigned}\n")
    assert (problem.line, problem.path) == (3, "default.queue")
    assert problem.expected == "a queue that stands under queues"


@pytest.mark.parametrize("assign", ["{}", "{queue: sales, owner: ann}", "{owner: ann, round_robin: sales}"])
def test_a_target_is_exactly_one_thing(assign: str) -> None:
    problem = refused(document(entry(assign)))
    assert (problem.line, problem.path) == (7, "rules[0].assign")
    assert problem.expected == "exactly one of owner, queue or round_robin"


@pytest.mark.parametrize(
    ("assign", "expected"),
    [
        ("{owner: 7}", "text"),
        ("{owner: null}", "text"),
        ("{owner: 'two words'}", "a member's id"),
        ("{round_robin: 7}", "text or a list"),
        ("{round_robin: []}", "at least 1 entries"),
        ("{round_robin: [ann, ann]}", "members that are listed once"),
        ("{team: sales}", "a known key"),
    ],
)
def test_targets_of_another_kind_are_refused(assign: str, expected: str) -> None:
    with pytest.raises(RuleFileError) as raised:
        load_assignment_rules(document(entry(assign)), file="assignment.yaml")
    problem = raised.value.problems[0]
    assert problem.line == 7
    assert expected in problem.expected


@pytest.mark.parametrize("rule_id", ["default", "manual"])
def test_reserved_ids_are_refused(rule_id: str) -> None:
    problem = refused(document(entry("{queue: sales}", rule_id=rule_id)))
    assert (problem.line, problem.path, problem.found_kind) == (5, "rules[0].id", "a reserved one")


def test_double_ids_are_refused() -> None:
    problem = refused(document(entry("{queue: sales}") + entry("{queue: marketing}", when="{field: source, eq: x}")))
    assert (problem.line, problem.path, problem.found_kind) == (8, "rules[1].id", "a duplicate")


@pytest.mark.parametrize(
    ("when", "expected", "hint"),
    [
        ("{field: score.grad, eq: A}", "a known field", "did you mean score.grade?"),
        ("{field: score.value, eq: high}", "a number", None),
        ("{field: score.grade, gte: 3}", "an operator for text", "eq, ne"),
    ],
)
def test_conditions_are_checked_against_lead_and_score(when: str, expected: str, hint: str | None) -> None:
    problem = refused(document(entry("{queue: sales}", when=when)))
    assert problem.line == 6
    assert problem.expected == expected
    assert hint is None or hint in str(problem.hint)


def test_entries_that_are_never_reached_are_warned_about() -> None:
    text = document(
        entry("{queue: sales}")
        + entry("{queue: marketing}", rule_id="again")
        + entry("{queue: marketing}", rule_id="all", when="{always: true}")
        + entry("{owner: ann}", rule_id="never", when="{field: source, eq: x}")
    )
    warnings = [(warning.line, warning.path, warning.message) for warning in rules_kind.check(text, "a.yaml")]
    assert warnings == [
        (8, "rules[1]", "is never reached: entry 1 has the same condition"),
        (14, "rules[3]", "is never reached: entry 3 always matches"),
    ]


def test_a_condition_that_cannot_hold_is_warned_about() -> None:
    when = "{all: [{field: score.value, gte: 50}, {field: score.value, lt: 20}]}"
    (warning,) = rules_kind.check(document(entry("{queue: sales}", when=when)), "a.yaml")
    assert "can never match" in warning.message


def test_every_field_of_the_catalogue_is_one_of_the_contracts() -> None:
    for name in CATALOGUE.fields:
        first, *rest = name.split(".")
        model = Score if first == "score" else Lead
        path = rest if first == "score" else [first, *rest]
        for part in path:
            assert part in model.model_fields, name
            found = model.model_fields[part].annotation
            nested = [part for part in (found, *getattr(found, "__args__", ())) if hasattr(part, "model_fields")]
            model = nested[0] if nested else model
