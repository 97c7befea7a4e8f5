"""Figures of a score beside outcomes: how well it orders, whether it keeps its word, how sure a rate is, what moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log, sqrt
from typing import Final, NamedTuple

_Z: Final = 1.959964  # 95 %
_SMOOTH: Final = 0.5


class Interval(NamedTuple):
    """A rate with its 95 % interval (Wilson's, which holds for few cases and for rates near 0 and 1)."""

    rate: float
    low: float
    high: float


def rate_of(wins: int, count: int) -> Interval:
    """The share of wins. Of nothing, everything is possible."""
    if count == 0:
        return Interval(0.0, 0.0, 1.0)
    rate, square = wins / count, _Z * _Z
    middle = (rate + square / (2 * count)) / (1 + square / count)
    half = _Z * sqrt(rate * (1 - rate) / count + square / (4 * count * count)) / (1 + square / count)
    return Interval(rate, max(0.0, middle - half), min(1.0, middle + half))


def auc_of(scores: Sequence[float], outcomes: Sequence[bool]) -> float:
    """How often a lead that was won has the higher score than one that was lost, ties counting half. 0.5 where one of
    the two is missing."""
    wins = sum(outcomes)
    losses = len(outcomes) - wins
    if not wins or not losses:
        return 0.5
    order = sorted(range(len(scores)), key=scores.__getitem__)
    ranks_of_wins, start = 0.0, 0
    while start < len(order):
        end = start
        while end < len(order) and scores[order[end]] == scores[order[start]]:
            end += 1
        ranks_of_wins += sum(outcomes[n] for n in order[start:end]) * (start + end + 1) / 2
        start = end
    return (ranks_of_wins - wins * (wins + 1) / 2) / (wins * losses)


@dataclass(frozen=True, slots=True)
class Band:
    """Leads that were promised alike, and what became of them."""

    low: float
    high: float
    count: int
    promised: float
    kept: Interval


def calibration_of(chances: Sequence[float], outcomes: Sequence[bool], bands: int = 10) -> list[Band]:
    """Promised chances beside rates, in bands of equal width; empty ones are left out."""
    found: list[list[int]] = [[] for _ in range(bands)]
    for place, chance in enumerate(chances):
        found[min(bands - 1, int(chance * bands))].append(place)
    return [
        Band(
            band / bands,
            (band + 1) / bands,
            len(places),
            sum(chances[n] for n in places) / len(places),
            rate_of(sum(outcomes[n] for n in places), len(places)),
        )
        for band, places in enumerate(found)
        if places
    ]


def calibration_error(bands: Sequence[Band]) -> float:
    """By how much promises miss the rates, on average."""
    count = sum(band.count for band in bands)
    return sum(band.count * abs(band.promised - band.kept.rate) for band in bands) / count if count else 0.0


def brier_of(chances: Sequence[float], outcomes: Sequence[bool]) -> float:
    """The mean square of what promises miss."""
    total = sum((chance - outcome) ** 2 for chance, outcome in zip(chances, outcomes, strict=True))
    return total / len(chances) if chances else 0.0


def stability_of(before: Mapping[str, int], after: Mapping[str, int]) -> float:
    """The population stability index between two distributions: the sum over the bins of (share after - share before) times
    the logarithm of share after / share before, as N. Siddiqi, Credit Risk Scorecards (2006) has it. Half a case more in each bin
    keeps empty ones finite. Below 0.1 they are alike, above 0.2 they moved."""
    names = sorted({*before, *after})
    n_before, n_after = sum(before.values()), sum(after.values())
    total = 0.0
    for name in names:
        share_before = (before.get(name, 0) + _SMOOTH) / (n_before + _SMOOTH * len(names))
        share_after = (after.get(name, 0) + _SMOOTH) / (n_after + _SMOOTH * len(names))
        total += (share_after - share_before) * log(share_after / share_before)
    return total
