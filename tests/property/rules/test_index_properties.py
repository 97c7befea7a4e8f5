"""An index leaves out no rule that holds: with it and without it, scores and assignments are the same."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.domain.assignment import find_match, match_rule
from services.routing.domain.catalogue import facts_of
from services.routing.domain.rules import compile_assignment_rules, load_assignment_rules
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.scoring import compile_model, compute_score, weigh
from shared.rules import Facts, RuleIndex, compile_condition, indexing
from tests.property.rules.test_rule_properties import conditions, facts_of_leads, validated
from tests.support.scoring import NOW


@pytest.fixture(autouse=True)
def _every_document_is_indexed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "MOST_TESTS", 0)


@settings(max_examples=400)
@given(st.lists(conditions, min_size=1, max_size=8), st.lists(facts_of_leads, min_size=1, max_size=6))
def test_every_rule_that_holds_is_in_the_part(asked: list[dict[str, Any]], leads: list[Facts]) -> None:
    models = [validated(condition) for condition in asked]
    index = RuleIndex[int](models)
    for facts in leads:
        places = index.of(facts).places
        holding = [place for place, model in enumerate(models) if compile_condition(model).holds(facts)]
        assert set(holding) <= set(places) and list(places) == sorted(set(places))
        for place in set(range(len(models))) - set(places):
            assert not any(compile_condition(each).holds(facts) for each in index.passed_over[place])


words = st.sampled_from(["software", "Software", "\uff33\uff2f\uff26\uff34ware", "retail", "mining", "", "ß", "SS"])
sizes = st.integers(0, 4) | st.sampled_from([1.0, 2.5])
entries = st.one_of(
    st.builds(lambda value: {"field": "company.industry", "eq": value or "x"}, words),
    st.builds(lambda values: {"field": "company.industry", "in": [v or "x" for v in values]}, st.lists(words, min_size=1, max_size=3)),
    st.builds(lambda value, size: {"all": [{"field": "company.employees", "gte": size}, {"field": "company.industry", "eq": value or "x"}]}, words, sizes),
    st.builds(lambda one, two: {"any": [{"field": "source", "eq": one or "x"}, {"field": "source", "eq": two or "x"}]}, words, words),
    st.builds(lambda size: {"field": "company.employees", "eq": size}, sizes),
    st.builds(lambda value: {"not": {"field": "company.industry", "eq": value or "x"}}, words),
    st.builds(lambda flag: {"field": "email_free", "eq": flag}, st.booleans()),
    st.just({"always": True}),
)  # fmt: skip
leads = st.fixed_dictionaries(
    {},
    optional={
        "source": words | st.none(),
        "email_free": st.booleans() | st.integers(0, 1),
        "company": st.fixed_dictionaries({}, optional={"industry": words | st.none() | st.lists(words), "employees": sizes | st.booleans()}),
    },
)  # fmt: skip


@settings(max_examples=200)
@given(st.lists(entries, min_size=1, max_size=12), st.lists(leads, min_size=1, max_size=5))
def test_scores_and_matches_are_those_of_trying_every_rule(asked: list[Any], given_leads: list[dict[str, Any]]) -> None:
    rules = [{"id": f"r{n}", "when": when} for n, when in enumerate(asked)]
    scoring = {"kind": "scoring", "rules": [{**rule, "points": 1 + n} for n, rule in enumerate(rules)]}
    model = compile_model(load_scoring_model(json.dumps(scoring)), version=1)
    assignment = {"kind": "assignment", "queues": {"a": {}}, "default": {"queue": "a"},
                  "rules": [{**rule, "assign": {"queue": "a"}} for rule in rules]}  # fmt: skip
    loaded = load_assignment_rules(json.dumps(assignment), "a.yaml")
    policy = compile_assignment_rules(loaded.model, version=1, content_hash="0")
    for lead in [*given_leads, *given_leads]:
        expected = compute_score(lead, model, now=NOW)
        assert {**weigh(lead, model).score, "scored_at": expected["scored_at"]} == expected
        facts = facts_of(lead, {"grade": "A"})
        found, wanted = find_match(facts, policy), match_rule(facts, policy)
        assert found.rule is wanted.rule
        assert [step.rule for step in found.tried] == [step.rule for step in wanted.tried]
        for step, whole in zip(found.tried, wanted.tried, strict=True):
            assert step.failed and set(step.failed) <= set(whole.failed)


def test_parts_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "MOST_PARTS", 3)
    index = RuleIndex[int]([validated({"field": "a", "eq": f"x{n}"}) for n in range(10)])
    assert [index.of({"a": f"x{n % 10}"}).places for n in range(40)] == [(n % 10,) for n in range(40)]
    assert len(index._parts) <= 3


def test_few_rules_are_all_tried_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "MOST_TESTS", 500)
    index = RuleIndex[int]([validated({"field": "a", "eq": f"x{n}"}) for n in range(10)])
    assert index.of({"a": "x3"}).places == tuple(range(10)) and index.passed_over == {}
