"""A decision that is found again is the one that would be made afresh, for any conditions and any leads in a row."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.rules import Facts, Precedents, compile_condition
from shared.rules import precedents as kept
from tests.property.rules.test_rule_properties import conditions, facts_of_leads, validated

Explained = list[Any]


@settings(max_examples=300)
@given(st.lists(conditions, min_size=1, max_size=4), st.lists(facts_of_leads, min_size=1, max_size=6))
def test_a_decision_found_again_is_the_one_made_afresh(asked: list[dict[str, Any]], leads: list[Facts]) -> None:
    models = [validated(condition) for condition in asked]
    compiled = [compile_condition(model) for model in models]

    def explained(facts: Facts) -> Explained:
        return [each.explain(facts) for each in compiled]

    precedents = Precedents[Explained](models)
    for facts in [*leads, *leads]:
        assert precedents.decide(explained, facts) == explained(facts)


def test_equal_answers_are_decided_once_and_values_of_other_types_are_told_apart() -> None:
    made: list[Facts] = []

    def note(facts: Facts, number: int) -> int:
        made.append(facts)
        return number

    precedents = Precedents[int]([validated({"field": "a", "eq": 1}), validated({"field": "b", "contains": "VP"})])
    rows: list[tuple[Facts, int]] = [
        ({"a": 1, "b": "VP Sales"}, 0),
        ({"a": 1.0, "b": "svp"}, 0),
        ({"a": True, "b": "VP Sales"}, 2),
        ({"a": "1", "b": "VP Sales"}, 2),
        ({"a": 1, "b": "VP Sales"}, 0),
        ({}, 5),
    ]
    assert [precedents.decide(note, facts, n) for n, (facts, _) in enumerate(rows)] == [found for _, found in rows]
    assert len(made) == 3


def test_what_is_kept_stays_bounded() -> None:
    precedents = Precedents[bool]([validated({"field": "a", "eq": "x"})])
    holds = compile_condition(validated({"field": "a", "eq": "x"})).holds
    for n in range(kept.MOST_VALUES + 10):
        assert precedents.decide(holds, {"a": f"value {n}"}) is False
    assert precedents.decide(holds, {"a": "X"}) is True
    assert precedents.decide(holds, {"a": "x" * (kept.LONGEST_VALUE + 1)}) is False


def test_very_many_rules_are_tried_one_after_the_other() -> None:
    asked = [validated({"field": "a", "eq": f"x{n}"}) for n in range(kept.MOST_TESTS + 1)]
    holds = compile_condition(asked[-1]).holds
    precedents = Precedents[bool](asked)
    assert [precedents.decide(holds, {"a": value}) for value in ("x1", f"x{kept.MOST_TESTS}")] == [False, True]
