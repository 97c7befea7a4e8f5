"""The learned weights as a scoring document: whole points that sum to a score, which says how likely a lead is to be won.

A score of 50 means as likely as not, and every ten points double the odds: 60 is two to one, 40 one to two. So the document
needs nothing beside it to be read as a chance, it is checked, tested, previewed and published like any other, and its
contributions sum to the score as they always do.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Any, Final

import yaml

from services.scoring.domain.learning.bins import Bin, Row, find_bins
from services.scoring.domain.learning.drifting import bands_of
from services.scoring.domain.learning.figures import rate_of
from services.scoring.domain.learning.fitting import RIDGE, fit

SUPPORT: Final = 50
LEAST_OUTCOMES: Final = 200
LEAST_OF_EACH: Final = 40
EVEN: Final = 50
DOUBLING: Final = 10
_FACTOR: Final = DOUBLING / log(2)
_MOST_POINTS: Final = 1000
_LONGEST_ID: Final = 60
_NO_ID: Final = re.compile(r"[^a-z0-9]+")


class NotEnoughData(ValueError):
    """Too few outcomes to learn from; the text says how many there are and how many are needed."""


@dataclass(frozen=True, slots=True)
class Learned:
    """A bin with its points, and what was seen of it."""

    bin: Bin
    points: int
    wins: int
    count: int


@dataclass(frozen=True, slots=True)
class Scorecard:
    """What was learned: points for everybody, and points by bin, of which those with none are left out; and how the scores of
    the leads that it was learned from are spread (`drifting.bands_of`)."""

    base: int
    entries: Sequence[Learned]
    outcomes: int
    wins: int
    scores: Sequence[int] = ()


def chance_of(score: float) -> float:
    """How likely a lead of this score is to be won."""
    return float(1.0 / (1.0 + 2.0 ** ((EVEN - score) / DOUBLING)))


def learn(rows: Sequence[Row], outcomes: Sequence[bool], *, support: int = SUPPORT, ridge: float = RIDGE) -> Scorecard:
    """A scorecard of leads whose outcome is known. Raises NotEnoughData."""
    wins = sum(outcomes)
    _require_enough(len(outcomes), wins)
    bins = find_bins(rows, support)
    fitted = fit(bins, outcomes, ridge)
    entries = [
        Learned(each, _points(weight), sum(outcomes[row] for row in each.rows), len(each.rows))
        for each, weight in zip(bins, fitted.weights, strict=True)
    ]
    base = EVEN + _points(fitted.intercept)
    card = Scorecard(base, [each for each in entries if each.points], len(outcomes), wins)
    return replace(card, scores=bands_of(scores_of(card, len(rows))))


def _require_enough(count: int, wins: int) -> None:
    if count < LEAST_OUTCOMES or min(wins, count - wins) < LEAST_OF_EACH:
        raise NotEnoughData(
            f"not enough data: {count} outcomes, {wins} of them won; at least {LEAST_OUTCOMES} outcomes are needed,"
            f" {LEAST_OF_EACH} of each kind"
        )


def _points(weight: float) -> int:
    return max(-_MOST_POINTS, min(_MOST_POINTS, round(_FACTOR * weight)))


def scores_of(card: Scorecard, count: int) -> list[int]:
    """The scores of the leads that the scorecard's bins were made of."""
    totals = [card.base] * count
    for entry in card.entries:
        for row in entry.bin.rows:
            totals[row] += entry.points
    return [max(0, min(100, total)) for total in totals]


def document_of(card: Scorecard, *, name: str, made_of: str) -> str:
    """The scoring document (YAML) of a scorecard. `made_of` says in words what it was learned from."""
    rate = card.wins / card.outcomes
    used = {"base"}
    rules = [_base_rule(card, rate), *(_rule(entry, rate, used) for entry in card.entries)]
    document = {
        "kind": "scoring",
        "name": name,
        "description": f"Learned from {made_of}: {card.outcomes} outcomes, {card.wins} won. A score of {EVEN} means as likely"
        f" as not to be won; every {DOUBLING} points double the odds.",
        "limits": {"fit": {"min": 0, "max": 100}},
        "grades": {"by": "total", "A": 60, "B": 50, "C": 30},
        "temperature": {"hot": 60, "warm": 40},
        "learned": {"scores": list(card.scores)},
        "rules": [rule for rule in rules if rule["points"]],
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _base_rule(card: Scorecard, rate: float) -> Mapping[str, Any]:
    return {"id": "base", "points": card.base, "reason": f"Where everybody begins: {rate:.0%} were won"}


def _rule(entry: Learned, rate: float, used: set[str]) -> Mapping[str, Any]:
    seen = rate_of(entry.wins, entry.count)
    said = f"{seen.rate:.0%} of {entry.count} were won ({seen.low:.0%} to {seen.high:.0%}), {rate:.0%} of all"
    return {
        "id": _id_of(entry.bin, used),
        "points": entry.points,
        "reason": f"{entry.bin.label[:100]}: {said}",
        "when": dict(entry.bin.condition),
    }


def _id_of(each: Bin, used: set[str]) -> str:
    """An id made of field and value, another one where that is taken."""
    plain = _NO_ID.sub("-", f"{each.field} {each.label}".lower()).strip("-")[:_LONGEST_ID].strip("-") or "rule"
    found, n = plain, 1
    while found in used:
        n += 1
        found = f"{plain[: _LONGEST_ID - 4]}-{n}"
    used.add(found)
    return found
