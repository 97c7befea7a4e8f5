"""Conditions to closures: once per published version, then called for every lead.

    compiled = compile_condition(rule.when)
    compiled.holds({"title": "VP Sales", "company": {"employees": 250}})      # fast: True or False
    compiled.explain(facts).failed                                            # every condition with its own verdict

Facts are nested dicts of JSON values. Neither form raises for any facts, and both always agree.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from shared.rules.conditions import AllOf, Always, AnyCondition, AnyOf, FieldCondition, NotOf
from shared.rules.operators import Test, build_test

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ConditionVerdict:
    """What one condition said. `expected` stands in the rule; the lead's own value is never part of it.

    `negated` conditions stood under a `not`: they are met when the comparison fails.
    """

    field: str
    operator: str
    expected: Any
    met: bool
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the whole holds, and every condition in the order of the rule (all are tried, also after a failure)."""

    met: bool
    conditions: tuple[ConditionVerdict, ...]

    @property
    def matched(self) -> tuple[ConditionVerdict, ...]:
        return tuple(verdict for verdict in self.conditions if verdict.met)

    @property
    def failed(self) -> tuple[ConditionVerdict, ...]:
        return tuple(verdict for verdict in self.conditions if not verdict.met)


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    holds: Callable[[Facts], bool]
    explain: Callable[[Facts], Verdict]


def compile_condition(condition: AnyCondition) -> CompiledCondition:
    """Both forms of a condition that was validated. Does not raise."""
    tree = _normal_form(condition, negated=False)
    return CompiledCondition(_fast_form(tree), _explaining_form(tree))


@dataclass(frozen=True, slots=True)
class _Leaf:
    """`first` and `rest` are the dotted path: most paths have one or two parts."""

    first: str
    rest: tuple[str, ...]
    test: Test
    wanted: bool
    if_met: ConditionVerdict
    if_failed: ConditionVerdict


@dataclass(frozen=True, slots=True)
class _Group:
    """All (or at least one) of the leaves and groups; an empty group is true for all and false for any."""

    is_all: bool
    children: "tuple[_Leaf | _Group, ...]"


def _normal_form(condition: AnyCondition, *, negated: bool) -> _Leaf | _Group:
    """`not` moved down to the fields (De Morgan), so that each field's verdict says what it contributed."""
    match condition:
        case NotOf():
            return _normal_form(condition.not_, negated=not negated)
        case Always():
            return _Group(is_all=not negated, children=())
        case AllOf():
            return _Group(not negated, tuple(_normal_form(child, negated=negated) for child in condition.all))
        case AnyOf():
            return _Group(negated, tuple(_normal_form(child, negated=negated) for child in condition.any))
        case FieldCondition():
            return _leaf(condition, negated=negated)


def _leaf(condition: FieldCondition, *, negated: bool) -> _Leaf:
    first, *rest = condition.field.split(".")
    said = (condition.field, condition.operator, condition.expected)
    return _Leaf(
        first,
        tuple(rest),
        build_test(condition),
        not negated,
        ConditionVerdict(*said, met=True, negated=negated),
        ConditionVerdict(*said, met=False, negated=negated),
    )


def _value_at(facts: Facts, first: str, rest: tuple[str, ...]) -> Any:
    value = facts.get(first)
    for key in rest:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _fast_form(tree: _Leaf | _Group) -> Callable[[Facts], bool]:
    if isinstance(tree, _Leaf):
        tree = _Group(is_all=True, children=(tree,))
    # Lookups stand inside the loop: a call saved per condition is a quarter of its cost.
    leaves = tuple((leaf.first, leaf.rest, leaf.test, leaf.wanted) for leaf in tree.children if isinstance(leaf, _Leaf))
    groups = tuple(_fast_form(group) for group in tree.children if isinstance(group, _Group))
    return _fast_all(leaves, groups) if tree.is_all else _fast_any(leaves, groups)


_FastLeaf = tuple[str, tuple[str, ...], Test, bool]
_FastGroups = tuple[Callable[[Facts], bool], ...]


def _fast_all(leaves: tuple[_FastLeaf, ...], groups: _FastGroups) -> Callable[[Facts], bool]:
    def holds(facts: Facts) -> bool:
        for first, rest, test, wanted in leaves:
            value = facts.get(first)
            for key in rest:
                value = value.get(key) if isinstance(value, dict) else None
            if test(value) is not wanted:
                return False
        return not groups or all(group(facts) for group in groups)

    return holds


def _fast_any(leaves: tuple[_FastLeaf, ...], groups: _FastGroups) -> Callable[[Facts], bool]:
    def holds(facts: Facts) -> bool:
        for first, rest, test, wanted in leaves:
            value = facts.get(first)
            for key in rest:
                value = value.get(key) if isinstance(value, dict) else None
            if test(value) is wanted:
                return True
        return bool(groups) and any(group(facts) for group in groups)

    return holds


def _explaining_form(tree: _Leaf | _Group) -> Callable[[Facts], Verdict]:
    def explain(facts: Facts) -> Verdict:
        verdicts: list[ConditionVerdict] = []
        met = _explain(tree, facts, verdicts)
        return Verdict(met, tuple(verdicts))

    return explain


def _explain(tree: _Leaf | _Group, facts: Facts, verdicts: list[ConditionVerdict]) -> bool:
    if isinstance(tree, _Leaf):
        met = tree.test(_value_at(facts, tree.first, tree.rest)) is tree.wanted
        verdicts.append(tree.if_met if met else tree.if_failed)
        return met
    # A list, not a generator: every condition reports, also after the answer is known.
    answers = [_explain(child, facts, verdicts) for child in tree.children]
    return all(answers) if tree.is_all else any(answers)


RuleT = TypeVar("RuleT")


@dataclass(frozen=True, slots=True)
class CompiledRule(Generic[RuleT]):
    """A rule of the caller's own kind with its compiled `when`."""

    rule: RuleT
    holds: Callable[[Facts], bool]
    explain: Callable[[Facts], Verdict]


def first_match(rules: Iterable[CompiledRule[RuleT]], facts: Facts) -> RuleT | None:
    """The first rule that holds, in the order given; None when none does."""
    return next((compiled.rule for compiled in rules if compiled.holds(facts)), None)
