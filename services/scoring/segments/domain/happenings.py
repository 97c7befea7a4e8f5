"""What leads did, counted in sliding windows, and when such a count next makes a difference by passing time alone."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from services.scoring.segments.domain.model import ACTIVITY, KNOWN_DAYS, Count, SegmentRules
from shared.rules import AnyCondition
from shared.rules.seeing import field_conditions

CONVERTED: Final = "opportunity.converted"
"""Counted like something that the lead did: since then it is a customer."""

# What is done to people, or said of them: no activity of theirs.
OURS: Final = frozenset(
    {
        CONVERTED,
        "mail.sent", "mail.delivered", "mail.bounced", "material.sent", "material.delivered", "offer.sent", "call.made",
        "call.missed", "note.added", "intent.reported", "phone.invalid", "visitor.identified", "meeting.missed",
        "interest.stated",
    }
)  # fmt: skip
_DAY: Final = timedelta(days=1)
_OLDEST_DAYS: Final = 36_500
# A century: no lead comes to a greater age, and no calendar to the end of it.


class Happening(NamedTuple):
    """Something that a lead did, or that was done to it."""

    kind: str
    category: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Counting:
    """A compiled count. `turns` are the values at which some condition's verdict may change when the count falls to
    them."""

    name: str
    kinds: frozenset[str]
    category: str | None
    window: timedelta
    turns: tuple[int, ...]

    def expiries(self, happenings: Iterable[Happening], now: datetime) -> list[datetime]:
        """When each one that counts now ceases to count."""
        return [done.at + self.window for done in happenings if done.at + self.window > now and self._is_meant(done)]

    def _is_meant(self, done: Happening) -> bool:
        if self.category is not None and done.category != self.category:
            return False
        return done.kind in self.kinds if self.kinds else done.kind not in OURS

    def next_turn(self, expiries: Sequence[datetime]) -> datetime | None:
        """When the count falls to the next value that makes a difference; None where it never does."""
        ordered = sorted(expiries)
        count = len(ordered)
        return min((ordered[count - value - 1] for value in self.turns if value < count), default=None)


def compile_counts(rules: SegmentRules) -> tuple[Counting, ...]:
    """The counts of a document."""
    every = list(_conditions(rules))
    return tuple(_counting(name, count, every) for name, count in rules.counts.items())


def day_turns(rules: SegmentRules) -> tuple[int, ...]:
    """The ages in days at which some condition's verdict may change."""
    found = _numbers(KNOWN_DAYS, _conditions(rules))
    return tuple(
        sorted({day for each in found for day in (math.ceil(each), math.floor(each) + 1) if 0 < day <= _OLDEST_DAYS})
    )


def next_day_turn(turns: Sequence[int], known_since: datetime, now: datetime) -> datetime | None:
    """When a lead comes to the next of these ages, which rise."""
    for day in turns:
        at = known_since + day * _DAY
        if at > now:
            return at
    return None


def known_days(known_since: datetime, now: datetime) -> int:
    """Whole days since a lead became known."""
    return max(0, (now - known_since) // _DAY)


def _counting(name: str, count: Count, every: Iterable[AnyCondition]) -> Counting:
    found = _numbers(f"{ACTIVITY}{name}", every)
    turns = {value for each in found for value in (math.ceil(each) - 1, math.floor(each)) if value >= 0}
    window = timedelta(days=count.days)
    return Counting(name, frozenset(count.kinds), count.category, window, tuple(sorted(turns)))


def _conditions(rules: SegmentRules) -> Iterator[AnyCondition]:
    yield from (rule.when for rule in rules.interest)
    yield from (rule.when for rule in rules.segments)


def _numbers(field: str, conditions: Iterable[AnyCondition]) -> set[float]:
    """The numbers that a field is compared with."""
    asked = (leaf for condition in conditions for leaf in field_conditions(condition) if leaf.field == field)
    return {value for leaf in asked for value in _values(leaf.expected) if _is_number(value)}


def _values(wanted: Any) -> tuple[Any, ...]:
    return wanted if isinstance(wanted, tuple) else (wanted,)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def earliest(*instants: datetime | None) -> datetime | None:
    """The first of these that there is."""
    return min((instant for instant in instants if instant is not None), default=None)
