"""Conditions that cannot hold together, found for one field at a time. Silent when unsure: a warning, no proof."""

from collections import defaultdict
from collections.abc import Iterable
from math import inf
from typing import Any

from shared.rules.conditions import AllOf, Always, AnyCondition, AnyOf, FieldCondition
from shared.rules.operators import build_test

_ABSENT = (("exists", False), ("is_empty", True))
_LISTING = ("eq", "in")
_LOWER = ("gt", "gte", "between")
_UPPER = ("lt", "lte", "between")


def find_contradiction(condition: AnyCondition) -> str | None:
    """The name of a field whose conditions exclude each other, so that the whole can never hold; else None."""
    if isinstance(condition, AnyOf):
        found = [find_contradiction(child) for child in condition.any]
        return found[0] if all(found) else None
    if not isinstance(condition, AllOf):
        return None
    children = list(_flatten(condition))
    by_field: dict[str, list[FieldCondition]] = defaultdict(list)
    for child in children:
        if isinstance(child, FieldCondition):
            by_field[child.field].append(child)
    groups = (find_contradiction(child) for child in children if isinstance(child, AnyOf))
    fields = (field for field, conditions in by_field.items() if _exclude_each_other(conditions))
    return next(fields, None) or next(filter(None, groups), None)


def _flatten(condition: AllOf) -> Iterable[AnyCondition]:
    for child in condition.all:
        if isinstance(child, AllOf):
            yield from _flatten(child)
        elif not isinstance(child, Always):
            yield child


def _exclude_each_other(conditions: list[FieldCondition]) -> bool:
    if len(conditions) < 2:
        return False
    return _absent_and_compared(conditions) or _none_listed_fits(conditions) or _range_is_empty(conditions)


def _absent_and_compared(conditions: list[FieldCondition]) -> bool:
    """Only `exists: false` and `is_empty: true` hold for a missing field; no number is empty."""
    said = {(each.operator, each.expected) for each in conditions if each.operator in ("exists", "is_empty")}
    is_ranged = any(each.operator in (*_LOWER, *_UPPER) for each in conditions)
    if ("exists", False) in said:
        return any((each.operator, each.expected) not in _ABSENT for each in conditions)
    return ("is_empty", True) in said and (("is_empty", False) in said or is_ranged)


def _none_listed_fits(conditions: list[FieldCondition]) -> bool:
    """`eq` and `in` list all candidates; a contradiction when each candidate fails one of the other conditions."""
    listings = [each for each in conditions if each.operator in _LISTING]
    if not listings:
        return False
    tests = [build_test(each) for each in conditions if each is not listings[0]]
    return not any(all(test(value) for test in tests) for value in _listed(listings[0]))


def _listed(condition: FieldCondition) -> tuple[Any, ...]:
    return condition.expected if isinstance(condition.expected, tuple) else (condition.expected,)


def _range_is_empty(conditions: list[FieldCondition]) -> bool:
    """Lower and upper bounds as (value, whether the value itself is excluded)."""
    lowest = max((_lower_bound(each) for each in conditions if each.operator in _LOWER), default=(-inf, 0))
    highest = min((_upper_bound(each) for each in conditions if each.operator in _UPPER), default=(inf, 0))
    is_open = lowest[1] > 0 or highest[1] < 0
    return lowest[0] > highest[0] or (lowest[0] == highest[0] and is_open)


def _lower_bound(condition: FieldCondition) -> tuple[float, int]:
    value = condition.expected[0] if condition.operator == "between" else condition.expected
    return value, 1 if condition.operator == "gt" else 0


def _upper_bound(condition: FieldCondition) -> tuple[float, int]:
    value = condition.expected[1] if condition.operator == "between" else condition.expected
    return value, -1 if condition.operator == "lt" else 0
