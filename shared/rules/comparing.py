"""Two rule documents compared by what they mean: layout, comments, key order and written-out defaults do not count.

found = compare_documents(old, new)
found.rules        # which came, went, say something else, or moved where the first match wins
found.settings     # everything beside the lists of rules: limits, thresholds, queues
"""

import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from shared.rules.conditions import AllOf, Always, AnyCondition, AnyOf, FieldCondition, NotOf
from shared.rules.ruleset import Rule, RuleSetHeader

Change: TypeAlias = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One value before and after, in words; None where it is not set."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class RuleChange:
    """A rule that differs. Of one that was added or removed, the differences are all that it says."""

    change: Change
    list: str
    rule: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs: changed and added rules in the new order, those that went after them."""

    rules: tuple[RuleChange, ...]
    settings: tuple[Difference, ...]


def compare_documents(before: RuleSetHeader, after: RuleSetHeader) -> Comparison:
    """What differs between two checked documents of one kind."""
    names = _lists_of_rules(before, after)
    rules = [change for name in names for change in _compare_lists(name, before, after)]
    said_before, said_after = (_said(each.model_dump(mode="json", exclude=set(names))) for each in (before, after))
    return Comparison(tuple(rules), tuple(_differences(said_before, said_after)))


def say_condition(condition: AnyCondition) -> str:
    """A condition on one line, in the words of the rule: `title contains VP and not (email_free eq true)`."""
    match condition:
        case Always():
            return "always"
        case FieldCondition():
            return f"{condition.field} {condition.operator} {say_value(condition.expected)}"
        case NotOf():
            return f"not ({say_condition(condition.not_)})"
        case AllOf():
            return " and ".join(map(_say_part, condition.all))
        case AnyOf():
            return " or ".join(map(_say_part, condition.any))


def say_value(value: Any) -> str:
    """A value as a rule file has it."""
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(say_value, value))}]"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _say_part(condition: AnyCondition) -> str:
    said = say_condition(condition)
    return f"({said})" if isinstance(condition, AllOf | AnyOf) else said


def _lists_of_rules(*documents: RuleSetHeader) -> list[str]:
    return [name for name in type(documents[0]).model_fields if any(_is_rules(getattr(d, name)) for d in documents)]


def _is_rules(value: Any) -> bool:
    return isinstance(value, tuple) and bool(value) and all(isinstance(entry, Rule) for entry in value)


def _compare_lists(name: str, before: RuleSetHeader, after: RuleSetHeader) -> Iterator[RuleChange]:
    old: dict[str, Rule] = {rule.id: rule for rule in getattr(before, name)}
    new: dict[str, Rule] = {rule.id: rule for rule in getattr(after, name)}
    places = _places(list(old), list(new)) if name in after.first_match else {}
    for rule_id, rule in new.items():
        said = _said_rule(old[rule_id]) if rule_id in old else {}
        differences = (*_differences(said, _said_rule(rule)), *places.get(rule_id, ()))
        if differences:
            yield RuleChange("changed" if rule_id in old else "added", name, rule_id, differences)
    for rule_id, rule in old.items():
        if rule_id not in new:
            yield RuleChange("removed", name, rule_id, tuple(_differences(_said_rule(rule), {})))


def _places(old: Sequence[str], new: Sequence[str]) -> dict[str, tuple[Difference, ...]]:
    """Of the rules that both lists have, those that were moved: their places among these."""
    kept = set(old) & set(new)
    given: dict[str, tuple[Difference, ...]] = {}
    first, second = ([each for each in ids if each in kept] for ids in (old, new))
    if first == second:
        return {}
    place = {each: index for index, each in enumerate(first, 1)}
    stayed = _longest_rise([place[each] for each in second])
    for index, each in enumerate(second, 1):
        if place[each] not in stayed:
            given[each] = (Difference("place", str(place[each]), str(index)),)
    return given


def _longest_rise(places: Sequence[int]) -> set[int]:
    """The most of these different places that rise in the order given: those that need not have been moved."""
    last_of: list[int] = []  # the lowest place that a rise of each length ends with
    before: dict[int, int | None] = {}
    for place in places:
        length = bisect_left(last_of, place)
        before[place] = last_of[length - 1] if length else None
        last_of[length : length + 1] = [place]
    risen: set[int] = set()
    place_or_end = last_of[-1] if last_of else None
    while place_or_end is not None:
        risen.add(place_or_end)
        place_or_end = before[place_or_end]
    return risen


def _said_rule(rule: Rule) -> dict[str, str]:
    said = _said(rule.model_dump(mode="json", exclude={"id", "when"}))
    return {**said, "when": say_condition(rule.when)}


def _said(part: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Dotted names with values in words. What is not set is left out."""
    said: dict[str, str] = {}
    for key, value in part.items():
        if isinstance(value, Mapping):
            said |= _said(value, f"{prefix}{key}.") or {f"{prefix}{key}": "{}"}
        elif value is not None:
            said[f"{prefix}{key}"] = say_value(value)
    return said


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield Difference(name, before.get(name), after.get(name))
