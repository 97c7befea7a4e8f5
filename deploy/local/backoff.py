"""When a process that ended is started again."""

from __future__ import annotations

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 10.0
STEADY_SECONDS = 30.0


def restart_delay(failures: int) -> float:
    """Seconds to wait before the next start after `failures` ends in a row (1, 2, …): 0.2, doubled each time, 10 at most."""
    return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures - 1, 30))


def failures_after(failures: int, *, up_seconds: float) -> int:
    """The count of ends in a row once more has ended after `up_seconds`: thirty seconds up forgive what was before."""
    return 1 if up_seconds >= STEADY_SECONDS else failures + 1
