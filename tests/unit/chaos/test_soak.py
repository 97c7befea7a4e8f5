"""Slopes: what grows is found, what wobbles or only warms up is not."""

from collections.abc import Callable

import pytest

from tests.chaos.soak import LIMITS, Samples, slopes


def samples(memory: Callable[[float], float], minutes: int = 30) -> Samples:
    found = Samples()
    for at in range(0, minutes * 60, 5):
        found.add(at, {name: memory(at) if name == "memory, MiB" else 10.0 for name in LIMITS})
    return found


@pytest.mark.parametrize(
    ("memory", "grows"),
    [
        (lambda at: 900.0, False),
        (lambda at: 900.0 + 40 * (at // 5 % 2), False),
        (lambda at: 600.0 + min(at, 400), False),
        (lambda at: 900.0 + at / 60 * 10, True),
    ],
)
def test_only_steady_growth_is_a_problem(memory: Callable[[float], float], grows: bool) -> None:
    problems = [slope.problem for slope in slopes(samples(memory)) if slope.problem]
    assert problems == (["memory, MiB grows by 10.00 a minute, 5 allowed"] if grows else [])
