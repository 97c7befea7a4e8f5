"""What outcomes say of the rules that are used: win rate, lift and support of each with its interval, and what moved.

tally = OutcomeTally(model)
tally.add(tally.score(lead), won=True, at=...)
tally.report(support=50)
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from services.scoring.domain.learning.figures import Interval, auc_of, rate_of, stability_of
from services.scoring.domain.scoring import CompiledModel, Score, weigh

MOVED: Final = 0.2
_GRADES: Final = ("A", "B", "C", "D")
_BAND: Final = 10
_NOT_ENOUGH: Final = "not enough data"


class _Lead(NamedTuple):
    at: int
    value: int
    grade: str
    won: bool | None


class OutcomeTally:
    """Counts by rule and grade. Leads without an outcome count for what moved, and for nothing else."""

    def __init__(self, model: CompiledModel) -> None:
        self._model = model
        self._points = {entry[3]["rule"]: entry[1] for entry in model.entries}
        self._held: Counter[str] = Counter()
        self._won: Counter[str] = Counter()
        self._leads: list[_Lead] = []

    def score(self, lead: Mapping[str, Any]) -> Score:
        """The score of a lead as `lead.captured` carries it."""
        return weigh(lead, self._model).score

    def add(self, score: Score, *, won: bool | None, at: int) -> None:
        """A lead's score, whether it was won (None: nobody knows yet), and when it came."""
        self._leads.append(_Lead(at, score["value"], score["grade"], won))
        if won is None:
            return
        for each in score["contributions"]:
            self._held[each["rule"]] += 1
            self._won[each["rule"]] += won

    def report(self, *, support: int) -> dict[str, Any]:
        """The whole of it. Below `support` outcomes nothing is concluded."""
        known = [lead for lead in self._leads if lead.won is not None]
        base = rate_of(sum(bool(lead.won) for lead in known), len(known))
        return {
            "leads": len(self._leads),
            "outcomes": len(known),
            "won": sum(bool(lead.won) for lead in known),
            **_told(base),
            "enough": len(known) >= support,
            "auc": round(auc_of([lead.value for lead in known], [bool(lead.won) for lead in known]), 4),
            "rules": [self._rule(rule, base, support) for rule in self._points],
            "grades": [_grade(grade, known, support) for grade in _GRADES],
            "drift": _drift(self._leads, support),
        }

    def _rule(self, rule: str, base: Interval, support: int) -> dict[str, Any]:
        count, points = self._held[rule], self._points[rule]
        rate = rate_of(self._won[rule], count)
        lift = round(rate.rate / base.rate, 2) if count and base.rate else None
        says = _NOT_ENOUGH if count < support else _verdict(rate, base, points)
        return {"rule": rule, "points": points, "support": count, **_told(rate), "lift": lift, "says": says}


def _verdict(rate: Interval, base: Interval, points: int) -> str:
    """Whether outcomes agree with the sign of the points."""
    if rate.low <= base.rate <= rate.high:
        return "no difference"
    return "agrees" if (rate.low > base.rate) == (points > 0) else "contradicts"


def _grade(grade: str, known: Sequence[_Lead], support: int) -> dict[str, Any]:
    mine = [lead for lead in known if lead.grade == grade]
    says = _NOT_ENOUGH if len(mine) < support else None
    return {
        "grade": grade,
        "support": len(mine),
        **_told(rate_of(sum(bool(lead.won) for lead in mine), len(mine))),
        "says": says,
    }


def _told(rate: Interval) -> dict[str, float]:
    return {"rate": round(rate.rate, 4), "low": round(rate.low, 4), "high": round(rate.high, 4)}


def _drift(leads: Sequence[_Lead], support: int) -> dict[str, Any]:
    """The newer half of the leads beside the older one: have scores moved, does a better grade still win more often?"""
    ordered = sorted(leads, key=lambda lead: lead.at)
    older, newer = ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]
    if len(older) < support:
        return {"stability": None, "alarms": [], "says": _NOT_ENOUGH}
    stability = stability_of(_bands(older), _bands(newer))
    alarms = [f"scores moved: stability index {stability:.2f}, above {MOVED}"] if stability > MOVED else []
    alarms += _weakened(newer, support)
    return {"stability": round(stability, 4), "alarms": alarms, "says": "moved" if alarms else "steady"}


def _bands(leads: Sequence[_Lead]) -> Mapping[str, int]:
    return Counter(str(lead.value // _BAND) for lead in leads)


def _weakened(newer: Sequence[_Lead], support: int) -> list[str]:
    """Grades that do not win more often than the next worse one, in the newer half, though there is enough data."""
    known = [lead for lead in newer if lead.won is not None]
    rates = {}
    for grade in _GRADES:
        mine = [bool(lead.won) for lead in known if lead.grade == grade]
        if len(mine) >= support:
            rates[grade] = rate_of(sum(mine), len(mine))
    grades = list(rates)
    return [
        f"{better} does not win more often than {worse}: {rates[better].rate:.0%} and {rates[worse].rate:.0%}"
        for better, worse in itertools.pairwise(grades)
        if rates[better].rate <= rates[worse].rate
    ]
