"""Laws of the rule engine for any condition, any facts, any text."""

import re
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from shared.rules import Condition, RuleFileError, RuleProblem, compile_condition, compile_pattern
from shared.rules.contradictions import find_contradiction
from shared.rules.loading import load_yaml
from shared.rules.patterns import PatternError

CONDITIONS: TypeAdapter[Any] = TypeAdapter(Condition)
NAMES = ("a", "b", "c")

texts = st.sampled_from(["vp", "VP", "Vice President", "", " ", "ß", "SS", "1", "\ud800", "a" * 1500]) | st.text(
    max_size=5
)
scalars = st.booleans() | st.integers(-3, 3) | st.floats(-3, 3) | texts.filter(bool)
numbers = st.integers(-3, 3) | st.floats(-3, 3)
operators = st.one_of(
    st.tuples(st.sampled_from(["eq", "ne", "contains", "not_contains"]), scalars),
    st.tuples(st.sampled_from(["in", "not_in"]), st.lists(scalars, min_size=1, max_size=3)),
    st.tuples(st.sampled_from(["gt", "gte", "lt", "lte"]), numbers),
    st.tuples(st.just("between"), st.lists(numbers, min_size=2, max_size=2).map(sorted)),
    st.tuples(st.sampled_from(["starts_with", "ends_with"]), texts.filter(bool)),
    st.tuples(st.just("matches"), st.sampled_from([r"\bvp\b", "^v", "(a+)+$", "[^a]", r"\d"])),
    st.tuples(st.sampled_from(["exists", "is_empty"]), st.booleans()),
)
fields = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(".".join)
leaves = st.builds(lambda field, operator: {"field": field, operator[0]: operator[1]}, fields, operators)
conditions = st.recursive(
    leaves | st.just({"always": True}),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map(lambda children: {"all": children}),
        st.lists(inner, min_size=1, max_size=4).map(lambda children: {"any": children}),
        inner.map(lambda child: {"not": child}),
    ),
    max_leaves=8,
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=10,
)
facts_of_leads = st.dictionaries(st.sampled_from(NAMES), json_values, max_size=3)


def validated(condition: dict[str, Any]) -> Any:
    try:
        return CONDITIONS.validate_python(condition)
    except ValueError:
        assume(False)


def shuffled(condition: Any, swap: bool) -> Any:
    if isinstance(condition, dict):
        return {key: shuffled(value, swap) for key, value in condition.items()}
    if isinstance(condition, list) and condition and isinstance(condition[0], dict):
        return [shuffled(child, swap) for child in (reversed(condition) if swap else condition)]
    return condition


@settings(max_examples=400)
@given(conditions, facts_of_leads)
def test_both_forms_agree_and_never_raise(condition: dict[str, Any], facts: dict[str, Any]) -> None:
    compiled = compile_condition(validated(condition))
    assert compiled.holds(facts) is compiled.explain(facts).met


@given(conditions, facts_of_leads)
def test_order_does_not_change_the_answer(condition: dict[str, Any], facts: dict[str, Any]) -> None:
    one = compile_condition(validated(condition)).explain(facts)
    other = compile_condition(validated(shuffled(condition, swap=True))).explain(facts)
    assert one.met is other.met
    assert sorted(map(repr, one.conditions)) == sorted(map(repr, other.conditions))


@given(conditions, facts_of_leads)
def test_not_turns_the_answer_and_every_verdict(condition: dict[str, Any], facts: dict[str, Any]) -> None:
    plain = compile_condition(validated(condition)).explain(facts)
    negated = compile_condition(validated({"not": condition})).explain(facts)
    assert plain.met is not negated.met
    assert [each.met for each in plain.conditions] == [not each.met for each in negated.conditions]


@given(st.lists(leaves, min_size=1, max_size=4), facts_of_leads)
def test_flat_groups_follow_from_their_verdicts(children: list[dict[str, Any]], facts: dict[str, Any]) -> None:
    every = compile_condition(validated({"all": children})).explain(facts)
    some = compile_condition(validated({"any": children})).explain(facts)
    assert every.met is (not every.failed)
    assert some.met is bool(some.matched)
    assert len(every.conditions) == len(children)


@settings(max_examples=400)
@given(st.lists(operators, min_size=2, max_size=3), json_values)
def test_what_is_called_contradictory_never_matches(chosen: list[tuple[str, Any]], value: Any) -> None:
    condition = validated({"all": [{"field": "a", operator: operand} for operator, operand in chosen]})
    if find_contradiction(condition):
        assert not compile_condition(condition).holds({"a": value})


ATOMS = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", r"\W", r"\b", r"\B", "^", "$", "-", r"\."])
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda options: f"({'|'.join(options)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}", "*?"])).map(
            lambda p: f"(?:{p[0]}){p[1]}"
        ),
    ),
    max_leaves=5,
)


@settings(max_examples=1000)
@given(PATTERNS, st.text(alphabet="abA-. é", max_size=7))
def test_patterns_answer_as_the_standard_library_does(pattern: str, text: str) -> None:
    # Before Python 3.14 the library lets \B fail on the empty text; here it means "no boundary" everywhere.
    assume(text or r"\B" not in pattern)
    try:
        search = compile_pattern(pattern)
    except PatternError:  # a repeated boundary, which the dialect excludes
        assume(False)
    assert search(text) is (re.search(pattern, text, re.IGNORECASE) is not None)


@settings(max_examples=500)
@given(st.text(alphabet="ab()[]{}|*+?.^$\\-,12bdwsP<=:é\n", max_size=12), st.text(alphabet="ab12 é", max_size=5))
def test_any_pattern_is_refused_or_answers(pattern: str, text: str) -> None:
    try:
        search = compile_pattern(pattern)
    except PatternError:
        return
    re.compile(pattern)
    assert search(text) in (True, False)


@settings(max_examples=500)
@given(st.text(alphabet="ab:-[]{}&*!?|>'\"%@`#, \n\t12.~<\x07\ud800é", max_size=30) | st.binary(max_size=20))
def test_any_text_is_loaded_or_refused(text: str | bytes) -> None:
    problems: tuple[RuleProblem, ...] = ()
    try:
        load_yaml(text, file="r.yaml")
    except RuleFileError as error:
        problems = error.problems
    assert all(problem.line > 0 and problem.column > 0 for problem in problems)
