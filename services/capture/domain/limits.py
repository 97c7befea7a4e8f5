"""How much one sender may send: a token bucket, held as one number, the instant at which it is full again."""

from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

# What a line of a batch costs beside a request of its own, as measured (docs/benchmark.md, capture over HTTP).
LINE_COST: Final = 1 / 8
# A process takes this part of a bucket at once, so that few requests ask Redis; at most so much is overdrawn or lost.
_SHARE: Final = 1 / 20
_ROUNDING: Final = 1e-6
_IPV6_SITE: Final = 64


class Limit(NamedTuple):
    """Requests a second for good, and how many may come at once after a pause. A rate of 0 is no limit."""

    rate: float
    burst: float

    @property
    def share(self) -> float:
        """What a process takes out of the common bucket at once."""
        return max(1.0, self.burst * _SHARE // 1)


class Grant(NamedTuple):
    """What was taken of what was asked for: none, and then the seconds until there is some again."""

    full_at: float
    granted: float
    wait_s: float


def grant(limit: Limit, full_at: float, now: float, asked: float, *, forced: bool = False) -> Grant:
    """Take up to `asked` tokens, at least one or none. `forced` takes all of them and may leave a debt.

    Times in seconds, of one clock. A bucket that was never used is full at any time before now.
    """
    full_at = max(full_at, now)
    left = limit.burst - (full_at - now) * limit.rate
    least = min(1.0, asked)
    if not forced and left < least - _ROUNDING:
        return Grant(full_at, 0.0, (least - left) / limit.rate)
    granted = asked if forced else min(asked, max(left, least))
    return Grant(full_at + granted / limit.rate, granted, 0.0)


def site_of(address: str) -> str:
    """Whom an address is counted as: an IPv6 address with the whole network that one site has."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(IPv6Address(int(found) >> _IPV6_SITE << _IPV6_SITE))
    return str(found)
