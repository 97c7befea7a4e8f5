"""Leads whose scores are about to turn by themselves: one form each, whose points run out at an instant of the test's choice."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from tests.support.scoring import Log, scoring_lane

DAYS = 30
RUNNING_OUT = f"""\
kind: scoring
name: running-out
rules: []
behaviour: [{{id: form, event: form.submitted, points: 90, window_days: {DAYS}}}]
"""


async def set_turning(dsn: str, instants: Sequence[datetime], *, at_once: int = 2000) -> None:
    """Store the n-th lead so that its score turns from hot to cold at the n-th instant, as if scoring had handled its records."""
    async with scoring_lane(dsn) as lane:
        lane.now = datetime.now(UTC)
        log = Log()
        await lane.settle(log.publish(RUNNING_OUT))
        for start in range(0, len(instants), at_once):
            slice_ = list(enumerate(instants[start : start + at_once], start))
            # Behaviour first: the one event of the lead is then that of its first submission.
            await lane.settle(
                *(log.did_at(n, "form.submitted", instant - timedelta(days=DAYS)) for n, instant in slice_)
            )
            await lane.settle(*(log.captured(n) for n, _ in slice_))
