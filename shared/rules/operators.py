"""One test per operator: value of a fact -> whether the condition is met. Never raises, whatever the value.

A missing fact arrives as None. Wrong kinds are false; a boolean is not a number; NaN is no number either. Facts are
JSON values, so numbers are exactly int or float (which is faster to test than their subclasses).
"""

from collections.abc import Callable
from typing import Any

from shared.rules.automaton import compile_pattern
from shared.rules.conditions import FieldCondition
from shared.rules.texts import fold_text

Test = Callable[[Any], bool]
_NUMBERS = (int, float)
_LISTS = (list, tuple)
_TEXT_OR_LISTS = (str, list, tuple)
_CONTAINERS = (list, tuple, dict)


def build_test(condition: FieldCondition) -> Test:
    """The test of this condition, prepared once so that calling it is cheap."""
    return _BUILDERS[condition.operator](condition.expected)


def _is_number(value: Any) -> bool:
    return type(value) in _NUMBERS and value == value


def _equals(expected: Any) -> Test:
    if isinstance(expected, bool):
        return lambda value: value is expected
    if isinstance(expected, str):
        folded = fold_text(expected)
        return lambda value: isinstance(value, str) and fold_text(value) == folded
    return lambda value: type(value) in _NUMBERS and value == expected


def _same_kind(expected: Any) -> Test:
    if isinstance(expected, bool):
        return lambda value: isinstance(value, bool)
    if isinstance(expected, str):
        return lambda value: isinstance(value, str)
    return _is_number


def _differs(expected: Any) -> Test:
    equals, same_kind = _equals(expected), _same_kind(expected)
    return lambda value: same_kind(value) and not equals(value)


def _is_among(expected: tuple[Any, ...]) -> Test:
    texts = frozenset(fold_text(item) for item in expected if isinstance(item, str))
    if len(texts) and all(isinstance(item, str) for item in expected):
        return lambda value: isinstance(value, str) and fold_text(value) in texts
    booleans = frozenset(item for item in expected if isinstance(item, bool))
    numbers = frozenset(item for item in expected if _is_number(item))

    def is_among(value: Any) -> bool:
        if isinstance(value, str):
            return fold_text(value) in texts
        if isinstance(value, bool):
            return value in booleans
        return _is_number(value) and value in numbers

    return is_among


def _is_not_among(expected: tuple[Any, ...]) -> Test:
    is_among = _is_among(expected)
    kind_tests = tuple({type(item): _same_kind(item) for item in expected}.values())
    return lambda value: any(same_kind(value) for same_kind in kind_tests) and not is_among(value)


def _is_above(expected: float) -> Test:
    return lambda value: type(value) in _NUMBERS and bool(value > expected)


def _is_at_least(expected: float) -> Test:
    return lambda value: type(value) in _NUMBERS and bool(value >= expected)


def _is_below(expected: float) -> Test:
    return lambda value: type(value) in _NUMBERS and bool(value < expected)


def _is_at_most(expected: float) -> Test:
    return lambda value: type(value) in _NUMBERS and bool(value <= expected)


def _is_between(expected: tuple[float, float]) -> Test:
    low, high = expected
    return lambda value: type(value) in _NUMBERS and bool(low <= value <= high)


def _contains(expected: Any) -> Test:
    if not isinstance(expected, str):
        equals = _equals(expected)
        return lambda value: isinstance(value, _LISTS) and any(map(equals, value))
    folded = fold_text(expected)

    def contains(value: Any) -> bool:
        if isinstance(value, str):
            return folded in fold_text(value)
        if isinstance(value, _LISTS):
            for item in value:  # a loop: a generator would double the time
                if isinstance(item, str) and fold_text(item) == folded:
                    return True
        return False

    return contains


def _lacks(expected: Any) -> Test:
    contains = _contains(expected)
    if isinstance(expected, str):
        return lambda value: isinstance(value, _TEXT_OR_LISTS) and not contains(value)
    return lambda value: isinstance(value, _LISTS) and not contains(value)


def _starts_with(expected: str) -> Test:
    folded = fold_text(expected)
    return lambda value: isinstance(value, str) and fold_text(value).startswith(folded)


def _ends_with(expected: str) -> Test:
    folded = fold_text(expected)
    return lambda value: isinstance(value, str) and fold_text(value).endswith(folded)


def _matches(expected: str) -> Test:
    search = compile_pattern(expected)
    return lambda value: isinstance(value, str) and search(value)


def _exists(expected: bool) -> Test:
    return lambda value: (value is not None) is expected


def _is_empty(expected: bool) -> Test:
    def is_empty(value: Any) -> bool:
        if isinstance(value, str):
            return (not value.strip()) is expected
        return (value is None or (isinstance(value, _CONTAINERS) and not value)) is expected

    return is_empty


_BUILDERS: dict[str, Callable[[Any], Test]] = {
    "eq": _equals,
    "ne": _differs,
    "in": _is_among,
    "not_in": _is_not_among,
    "gt": _is_above,
    "gte": _is_at_least,
    "lt": _is_below,
    "lte": _is_at_most,
    "between": _is_between,
    "contains": _contains,
    "not_contains": _lacks,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "matches": _matches,
    "exists": _exists,
    "is_empty": _is_empty,
}
OPERATORS = tuple(_BUILDERS)
