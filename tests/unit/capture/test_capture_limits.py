"""The bucket of a sender: never more than its burst and rate, told truly how long to wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.capture.domain.limits import Limit, grant, site_of

LIMIT = Limit(rate=10.0, burst=20.0)


def test_a_full_bucket_gives_its_burst_and_then_its_rate() -> None:
    full_at, now = 0.0, 1000.0
    for _ in range(20):
        full_at, granted, _ = grant(LIMIT, full_at, now, 1)
        assert granted == 1
    refused = grant(LIMIT, full_at, now, 1)
    assert (refused.granted, round(refused.wait_s, 9)) == (0, 0.1)
    assert grant(LIMIT, refused.full_at, now + 0.1001, 1).granted == 1


def test_a_share_is_cut_to_what_is_left() -> None:
    full_at = grant(LIMIT, 0.0, 1000.0, 18).full_at
    assert grant(LIMIT, full_at, 1000.0, 5).granted == pytest.approx(2)


def test_a_debt_is_waited_for() -> None:
    full_at, granted, _ = grant(LIMIT, 0.0, 1000.0, 120, forced=True)
    assert granted == 120
    assert grant(LIMIT, full_at, 1000.0, 1).wait_s == pytest.approx(10.1)
    assert grant(LIMIT, full_at, 1010.2, 1).granted == 1


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 30)), max_size=60))
def test_never_more_than_burst_and_rate_allow(asked: list[tuple[float, float]]) -> None:
    full_at, now, taken = 0.0, 1000.0, 0.0
    for pause, tokens in asked:
        now += pause
        full_at, granted, wait_s = grant(LIMIT, full_at, now, tokens)
        taken += granted
        assert taken <= LIMIT.burst + (now - 1000.0) * LIMIT.rate + 1e-6
        assert (granted > 0) != (wait_s > 0)
        if wait_s:
            assert grant(LIMIT, full_at, now + wait_s + 1e-6, tokens).granted > 0


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::"),
        ("2001:db8:1:2:bbbb::2%eth0", "2001:db8:1:2::"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("testclient", "testclient"),
    ],
)
def test_addresses_count_by_site(address: str, site: str) -> None:
    assert site_of(address) == site
