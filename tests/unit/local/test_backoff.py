"""Pauses before a restart grow from 0.2 to 10 seconds and are forgiven after thirty seconds up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.backoff import failures_after, restart_delay


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0.2), (2, 0.4), (3, 0.8), (6, 6.4), (7, 10.0), (500, 10.0)])
def test_the_pause_doubles_up_to_ten_seconds(failures: int, seconds: float) -> None:
    assert restart_delay(failures) == pytest.approx(seconds)


@given(st.integers(1, 10_000))
def test_it_never_shrinks_nor_passes_the_limit(failures: int) -> None:
    assert 0.2 <= restart_delay(failures) <= restart_delay(failures + 1) <= 10.0


@pytest.mark.parametrize(("up", "expected"), [(0.1, 5), (29.9, 5), (30.0, 1), (1e6, 1)])
def test_thirty_seconds_up_forgive_what_was_before(up: float, expected: int) -> None:
    assert failures_after(4, up_seconds=up) == expected
