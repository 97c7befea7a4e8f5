"""The A threshold held at a rate: when too few leads are A it goes down, when too many do it goes up, a step at a time.

    grades: {by: total, A: 50, B: 30, C: 10, hold: {a_per_day: 20, floor: 35, ceiling: 70}}

What the next threshold would have brought is counted over the leads of the window, and stands in the reason of the version
that the move is published as: so every move is written down, forecast, and can be taken back like any other.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.scoring.domain.held_rate import HeldRate
from services.scoring.domain.parts import Grades
from shared.rules.loading import load_yaml

LEAST_LEADS: Final = 20
AUTHOR: Final = "leadstream (held rate)"


class Move(NamedTuple):
    """Another threshold: A leads a day as they were, and as they would have been with it."""

    before: int
    after: int
    rate: float
    forecast: float
    leads: int


def propose_threshold(grades: Grades, points: Mapping[int, int], *, days_live: float) -> Move | None:
    """The next threshold. `points` counts the leads of the window by the points that grades go by; `days_live` is how long the
    version has been live. None: it stays, because it is right, nothing better is within a step, it moved lately, or there
    are too few leads to tell."""
    hold = grades.hold
    leads = sum(points.values())
    if hold is None or days_live < hold.cool_down_days or leads < LEAST_LEADS:
        return None
    rate = _rate(points, grades.a, hold)
    if abs(rate - hold.a_per_day) <= hold.tolerance * hold.a_per_day:
        return None
    allowed = range(max(hold.floor, grades.a - hold.step), min(hold.ceiling, grades.a + hold.step) + 1)

    def misses(threshold: int) -> tuple[float, int]:
        return abs(_rate(points, threshold, hold) - hold.a_per_day), abs(threshold - grades.a)

    after = min(allowed, key=misses)
    if misses(after)[0] >= abs(rate - hold.a_per_day):
        return None
    return Move(grades.a, after, rate, _rate(points, after, hold), leads)


def _rate(points: Mapping[int, int], threshold: int, hold: HeldRate) -> float:
    return sum(count for each, count in points.items() if each >= threshold) / hold.window_days


def reason_of(move: Move, hold: HeldRate) -> str:
    """The move in words, with what was seen and what is forecast."""
    return (
        f"A from {move.before} to {move.after}: {move.rate:.1f} A leads a day over {hold.window_days} days, {hold.a_per_day:g} wanted;"
        f" at {move.after} the same {move.leads} leads would have made {move.forecast:.1f}"
    )


def with_threshold(document: str, threshold: int) -> str:
    """The document with another A threshold and not a letter else changed."""
    line, column = load_yaml(document, file="scoring.yaml").position(("grades", "A"))
    lines = document.splitlines(keepends=True)
    row, place = lines[line - 1], column - 1
    end = place
    while end < len(row) and row[end].isdecimal():
        end += 1
    lines[line - 1] = f"{row[:place]}{threshold}{row[end:]}"
    return "".join(lines)
