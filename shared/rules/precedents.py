"""What was decided for facts that answer every condition alike need not be decided again.

    weighed = Precedents[Weighed](rule.when for rule in rules)
    weighed.decide(weigh, facts, model)       # calls weigh(facts, model) where no lead answered like this one before

A decision may be kept so when it depends on the facts by the verdicts of these conditions alone. Of the facts
nothing is kept but numbers, and texts of at most 60 characters that a costly comparison was made with, such as titles.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Generic, TypeVar

from shared.rules.compiling import Facts
from shared.rules.conditions import AnyCondition, FieldCondition
from shared.rules.operators import build_test
from shared.rules.seeing import field_conditions

Decided = TypeVar("Decided")

# Rules beyond this number are better tried one after the other: asking all of them for every lead would cost more.
MOST_TESTS: Final = 500
MOST_DECISIONS: Final = 20_000
MOST_VALUES: Final = 5_000
LONGEST_VALUE: Final = 60

# These look into a text or fold it; the others are asked of a text in less time than its answer is found again.
_COSTLY: Final = frozenset(
    {"eq", "ne", "in", "not_in", "contains", "not_contains", "starts_with", "ends_with", "matches"}
)


class Precedents(Generic[Decided]):
    """Decisions by the answers that they were made on. Belongs to one version of the rules."""

    def __init__(self, conditions: Iterable[AnyCondition], *, most_decisions: int = MOST_DECISIONS) -> None:
        asked = [leaf for condition in conditions for leaf in field_conditions(condition)]
        self._answers = _compile_answers(asked) if len(asked) <= MOST_TESTS else None
        self._decided: dict[int, Decided] = {}
        self._most_decisions = most_decisions

    def decide(self, afresh: Callable[..., Decided], facts: Facts, *arguments: Any) -> Decided:
        """What `afresh(facts, *arguments)` gives, from an earlier call where the facts answer alike."""
        if self._answers is None:
            return afresh(facts, *arguments)
        answers = self._answers(facts)
        decided = self._decided.get(answers)
        if decided is None:
            decided = afresh(facts, *arguments)
            if len(self._decided) >= self._most_decisions:
                self._decided.clear()
            self._decided[answers] = decided
        return decided


def _compile_answers(conditions: Iterable[FieldCondition]) -> Callable[[Facts], int]:
    """A number with one bit for each condition that holds: equal numbers, equal verdicts."""
    by_field: dict[str, list[tuple[int, FieldCondition]]] = {}
    for place, condition in enumerate(conditions):
        by_field.setdefault(condition.field, []).append((1 << place, condition))
    fields = tuple(_FieldAnswers(field, asked) for field, asked in by_field.items())
    paths = tuple((each.first, each.rest, each.kept.get, each.ask, each.learn) for each in fields)

    def answers(facts: Facts) -> int:
        found = 0
        for first, rest, kept, ask, learn in paths:
            value = facts.get(first)
            for key in rest:
                value = value.get(key) if isinstance(value, dict) else None
            known = kept(type(value))
            if known is None:
                found |= ask(value)
            else:
                answer = known.get(value)
                found |= learn(value) if answer is None else answer
        return found

    return answers


class _FieldAnswers:
    """The answers of one field's conditions. Kept by type first, because to a dict 1, 1.0 and True are one key."""

    def __init__(self, field: str, asked: Sequence[tuple[int, FieldCondition]]) -> None:
        self.first, *rest = field.split(".")
        self.rest = tuple(rest)
        self._tests = tuple((bit, build_test(condition)) for bit, condition in asked)
        operators = {condition.operator for _, condition in asked}
        self.ask = self._ask if operators != {"exists"} else _always(self._ask(True))
        self.kept: dict[type, dict[Any, int]] = {type(None): {None: self._ask(None)}, bool: {}, int: {}, float: {}}
        if operators & _COSTLY:
            self.kept[str] = {}

    def learn(self, value: Any) -> int:
        """The answers about a value of a type that is kept, which was not met before."""
        found = self._ask(value)
        if type(value) is not str or len(value) <= LONGEST_VALUE:
            kept = self.kept[type(value)]
            if len(kept) >= MOST_VALUES:
                kept.clear()
            kept[value] = found
        return found

    def _ask(self, value: Any) -> int:
        found = 0
        for bit, test in self._tests:
            if test(value):
                found |= bit
        return found


def _always(answer: int) -> Callable[[Any], int]:
    return lambda _value: answer
