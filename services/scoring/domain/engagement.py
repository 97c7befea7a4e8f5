"""Points for what leads do: which events count for which rule, and what they are worth at an instant.

A rule counts the events that it matches within its window, of those with one key the newest; each is worth the rule's points,
less as it fades; their sum is rounded (halves away from 0) and held within the cap. Later it is never worth more, in either direction:
that is what the search for the next turn rests on.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from math import floor, fsum
from typing import Any, Final, NamedTuple

from services.scoring.domain.behaviour import DAY_MS, KEPT_DAYS, Deed
from services.scoring.domain.parts import BehaviourRule, Decay
from shared.rules import Facts, compile_rule, fields_asked

MOST_EVIDENCE: Final = 5
_KEPT_MS: Final = KEPT_DAYS * DAY_MS
# A sum that is a half but for the last bit of its fractions is a half.
_SPARE: Final = 1e-9

Fade = Callable[[int], float]
Key = Callable[[Deed, Mapping[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class BehaviourEntry:
    """A rule, compiled. `contribution` is what it always says."""

    place: int
    points: int
    slot: int
    cap: int | None
    window_ms: int
    fade: Fade | None
    key: Key
    holds: Callable[[Facts], bool]
    contribution: Mapping[str, Any]


Behaviour = Mapping[str, tuple[BehaviourEntry, ...]]
"""Entries by kind of event."""


class Tally(NamedTuple):
    """The events that count for a rule, the newest first."""

    entry: BehaviourEntry
    deeds: Sequence[Deed]

    def raw_at(self, now_ms: int) -> int:
        """What they are worth at an instant, before the cap."""
        entry, points = self.entry, self.entry.points
        least, fade = now_ms - entry.window_ms, entry.fade
        ages = [max(0, now_ms - deed.at_ms) for deed in self.deeds if deed.at_ms > least]
        if fade is None:
            return points * len(ages)
        worth = fsum(map(fade, ages)) * abs(points)
        whole = floor(worth + 0.5 + _SPARE)
        return whole if points > 0 else -whole

    def points_at(self, now_ms: int) -> int:
        """What they are worth at an instant."""
        return self.capped(self.raw_at(now_ms))

    def capped(self, raw: int) -> int:
        """So many points within the cap."""
        cap = self.entry.cap
        return raw if cap is None else max(-cap, min(cap, raw))

    def contribution_at(self, now_ms: int, raw: int) -> dict[str, Any]:
        """What the rule gives and why: its events, of many the newest. `raw`: what they are worth then."""
        least = now_ms - self.entry.window_ms
        counted = [deed.event_id for deed in self.deeds if deed.at_ms > least]
        said = {"events": counted[:MOST_EVIDENCE], "count": len(counted)}
        return {**self.entry.contribution, "points": raw, **said}


def compile_behaviour(
    rules: Iterable[BehaviourRule],
    slot_of: Callable[[BehaviourRule], int],
    matched: Callable[[BehaviourRule], list[str]],
) -> Behaviour:
    """The rules by the kinds of events that they are about, in their order."""
    found: dict[str, list[BehaviourEntry]] = {}
    for place, rule in enumerate(rules):
        entry = _entry(place, rule, slot_of(rule), matched(rule))
        for kind in dict.fromkeys(rule.event):
            found.setdefault(kind, []).append(entry)
    return {kind: tuple(entries) for kind, entries in found.items()}


def asked_of_events(rules: Iterable[BehaviourRule]) -> Mapping[str, Set[str]]:
    """By kind of event the facts that decide what these rules make of one; of other kinds nothing does."""
    found: dict[str, set[str]] = defaultdict(lambda: {"kind"})
    for rule in rules:
        names = {field.partition(".")[2] for field in fields_asked([rule.when])}
        for kind in rule.event:
            found[kind] |= names | (set(_OF_ASSETS) if rule.once_per == "asset" else set())
    return dict(found)


def tally(deeds: Iterable[Deed], behaviour: Behaviour, now_ms: int) -> list[Tally]:
    """Which events count for which rule now, in the order of the rules. The events come with the newest first."""
    found: dict[int, tuple[BehaviourEntry, dict[Any, Deed]]] = {}
    for deed in deeds:
        facts = deed.facts
        if facts is None or not deed.counts:
            continue
        for entry in behaviour.get(facts.get("kind", ""), ()):
            if deed.at_ms > now_ms - entry.window_ms and entry.holds({"event": facts}):
                _, kept = found.setdefault(entry.place, (entry, {}))
                kept.setdefault(entry.key(deed, facts), deed)
    return [Tally(entry, list(kept.values())) for _, (entry, kept) in sorted(found.items())]


def _entry(place: int, rule: BehaviourRule, slot: int, matched: list[str]) -> BehaviourEntry:
    days = KEPT_DAYS if rule.window_days is None else rule.window_days
    said = {
        "rule": rule.id,
        "axis": rule.axis,
        "points": rule.points,
        "reason": rule.reason or rule.id,
        "matched": matched,
    }
    return BehaviourEntry(
        place=place,
        points=rule.points,
        slot=slot,
        cap=rule.cap,
        window_ms=min(_KEPT_MS, int(days * DAY_MS)),
        fade=None if rule.decay is None else _fade(rule.decay),
        key=_KEYS[rule.once_per],
        holds=compile_rule(rule).holds,
        contribution=said,
    )


def _fade(decay: Decay) -> Fade:
    if decay.half_life_days is not None:
        half_ms = decay.half_life_days * DAY_MS
        return lambda age_ms: float(0.5 ** (age_ms / half_ms))
    assert decay.linear_days is not None
    whole_ms = decay.linear_days * DAY_MS
    return lambda age_ms: max(0.0, 1 - age_ms / whole_ms)


_OF_ASSETS: Final = ("material_id", "message_id", "form", "file", "path", "category")


def _asset(_deed: Deed, facts: Mapping[str, Any]) -> Any:
    """What an event is about; events that do not say are about one thing."""
    for name in _OF_ASSETS:
        if name in facts:
            return name, facts[name]
    return None


_KEYS: Final[Mapping[str, Key]] = {
    "event": lambda deed, _: deed.event_id,
    "asset": _asset,
    "day": lambda deed, _: deed.at_ms // DAY_MS,
    "ever": lambda _deed, _facts: None,
}
