"""Which of very many rules can hold at all: those whose equality conditions the facts meet, found by a look-up a field.

    index = RuleIndex[Choice](rule.when for rule in rules)
    part = index.of(facts)            # part.places: the rules worth trying, in order
    part.precedents.decide(choose, facts, part.places)

A rule that asks `company.industry eq software`, by itself or among conditions that all have to hold, is passed over for every
other industry. Few rules are not worth it: then every rule is in the one part.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

from shared.rules.compiling import Facts
from shared.rules.conditions import AllOf, AnyCondition, AnyOf, FieldCondition
from shared.rules.precedents import MOST_TESTS, Precedents
from shared.rules.seeing import field_conditions
from shared.rules.texts import fold_text

Decided = TypeVar("Decided")

MOST_FIELDS: Final = 4
MOST_PARTS: Final = 1000
MOST_DECISIONS_A_PART: Final = 200

_Key: TypeAlias = tuple[type, Any]
_Wanted: TypeAlias = Mapping[str, tuple[FieldCondition, ...]]
"""By field: comparisons of which at least one has to hold for the rule to hold."""


@dataclass(frozen=True, slots=True)
class Part(Generic[Decided]):
    """Rules worth trying for facts that look alike, by their places in order, and what was decided with them."""

    places: tuple[int, ...]
    precedents: Precedents[Decided]


class RuleIndex(Generic[Decided]):
    """The rules of one version. `beside` are conditions that every decision asks as well. `passed_over` says by which
    comparisons a rule that is left out of a part fails; all of them do."""

    def __init__(self, conditions: Iterable[AnyCondition], *, beside: Iterable[AnyCondition] = ()) -> None:
        self._conditions = tuple(conditions)
        self._beside = tuple(beside)
        self.passed_over: dict[int, tuple[FieldCondition, ...]] = {}
        self._fields: list[_IndexedField] = []
        self._parts: dict[tuple[int, ...], Part[Decided]] = {}
        everything = Part(tuple(range(len(self._conditions))), Precedents[Decided]((*self._beside, *self._conditions)))
        self._only: Part[Decided] | None = everything
        if (
            sum(1 for each in (*self._beside, *self._conditions) for _ in field_conditions(each)) > MOST_TESTS
            and self._build()
        ):
            self._only = None

    def of(self, facts: Facts) -> Part[Decided]:
        """The part that these facts fall into. Every rule that holds for them is in it."""
        if self._only is not None:
            return self._only
        found = tuple([field.group_of(facts) for field in self._fields])
        part = self._parts.get(found)
        if part is None:
            if len(self._parts) >= MOST_PARTS:
                self._parts.clear()
            part = self._parts[found] = self._part(found)
        return part

    def _part(self, found: tuple[int, ...]) -> Part[Decided]:
        places = set(self._always)
        for field, group in zip(self._fields, found, strict=True):
            places.update(field.groups[group])
        ordered = tuple(sorted(places))
        asked = [*self._beside, *(self._conditions[place] for place in ordered)]
        return Part(ordered, Precedents(asked, most_decisions=MOST_DECISIONS_A_PART))

    def _build(self) -> bool:
        """Each rule by the field that most rules of those left can be told apart by; whether any can."""
        left = {place: wanted for place, each in enumerate(self._conditions) if (wanted := wanted_of(each))}
        self._always = [place for place in range(len(self._conditions)) if place not in left]
        while left and len(self._fields) < MOST_FIELDS:
            ((name, _),) = Counter(field for wanted in left.values() for field in wanted).most_common(1)
            mine = {place: wanted[name] for place, wanted in left.items() if name in wanted}
            self.passed_over.update(mine)
            self._fields.append(_IndexedField(name, mine))
            left = {place: wanted for place, wanted in left.items() if place not in mine}
        self._always += left
        return bool(self._fields)


class _IndexedField:
    """The values that rules compare a field with, and the places of the rules for each. Group 0 is any other value."""

    def __init__(self, name: str, rules: Mapping[int, Sequence[FieldCondition]]) -> None:
        self._first, *rest = name.split(".")
        self._rest = tuple(rest)
        self._group_of: dict[_Key, int] = {}
        self.groups: list[list[int]] = [[]]
        for place, comparisons in rules.items():
            for key in {key for each in comparisons for key in _keys_of(each)}:
                group = self._group_of.setdefault(key, len(self.groups))
                if group == len(self.groups):
                    self.groups.append([])
                self.groups[group].append(place)

    def group_of(self, facts: Facts) -> int:
        """The group of the rules that the field's value meets."""
        value = facts.get(self._first)
        for key in self._rest:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str):
            return self._group_of.get((str, fold_text(value)), 0)
        if isinstance(value, bool | int | float):
            return self._group_of.get(_key(value), 0)
        return 0


def wanted_of(condition: AnyCondition) -> _Wanted:
    """Comparisons by `eq` and `in` without which a condition cannot hold."""
    if isinstance(condition, FieldCondition):
        return {condition.field: (condition,)} if condition.operator in ("eq", "in") else {}
    if isinstance(condition, AllOf):
        found: dict[str, tuple[FieldCondition, ...]] = {}
        for child in condition.all:
            for field, comparisons in wanted_of(child).items():
                found.setdefault(field, comparisons)
        return found
    if isinstance(condition, AnyOf):
        first, *others = map(wanted_of, condition.any)
        shared = [field for field in first if all(field in other for other in others)]
        return {field: tuple(each for child in (first, *others) for each in child[field]) for field in shared}
    return {}


def _keys_of(comparison: FieldCondition) -> list[_Key]:
    wanted = comparison.expected if comparison.operator == "in" else (comparison.expected,)
    return [_key(value) for value in wanted]


def _key(value: Any) -> _Key:
    """Values that `eq` takes for equal have equal keys: to a dict, 1 and True were one."""
    if isinstance(value, str):
        return str, fold_text(value)
    return (bool, value) if isinstance(value, bool) else (float, value)
