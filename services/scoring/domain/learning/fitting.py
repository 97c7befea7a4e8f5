"""Weights of bins by logistic regression with a ridge, fitted one weight after the other (Newton's step each).

    P(won) = 1 / (1 + exp(-(intercept + sum of the weights of the lead's bins)))

Bins of a field exclude each other, so a sweep over all of them costs one exponential for each fact of each lead. The ridge
keeps a bin that says little near 0, and so shares out what bins of several fields say together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Final

from services.scoring.domain.learning.bins import Bin

RIDGE: Final = 4.0
_SWEEPS: Final = 60
_SMALL: Final = 0.002
_LONGEST_STEP: Final = 1.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights in the order of the bins, in logits."""

    intercept: float
    weights: Sequence[float]


def fit(bins: Sequence[Bin], outcomes: Sequence[bool], ridge: float = RIDGE) -> Fitted:
    """The weights that make the outcomes likeliest, as far as the ridge lets them. The same input, the same weights."""
    wins = sum(outcomes)
    intercept = log((wins + 0.5) / (len(outcomes) - wins + 0.5))
    logits = [intercept] * len(outcomes)
    missed = [1.0 / (1.0 + exp(-intercept)) - outcome for outcome in outcomes]
    weights = [0.0] * len(bins)
    everybody = range(len(outcomes))
    for _ in range(_SWEEPS):
        step = _step(everybody, logits, missed, outcomes, 0.0, 0.0)
        intercept += step
        longest = abs(step)
        for place, each in enumerate(bins):
            step = _step(each.rows, logits, missed, outcomes, weights[place], ridge)
            weights[place] += step
            longest = max(longest, abs(step))
        if longest < _SMALL:
            break
    return Fitted(intercept, weights)


def _step(
    rows: Sequence[int],
    logits: list[float],
    missed: list[float],
    outcomes: Sequence[bool],
    weight: float,
    ridge: float,
) -> float:
    """Newton's step of one weight, carried out on the leads that have it."""
    slope, bend = ridge * weight, ridge
    for row in rows:
        off = missed[row]
        chance = off + outcomes[row]
        slope += off
        bend += chance * (1.0 - chance)
    if bend <= 1e-9:
        return 0.0
    step = max(-_LONGEST_STEP, min(_LONGEST_STEP, -slope / bend))
    for row in rows:
        logit = logits[row] = logits[row] + step
        missed[row] = 1.0 / (1.0 + exp(-logit)) - outcomes[row]
    return step
