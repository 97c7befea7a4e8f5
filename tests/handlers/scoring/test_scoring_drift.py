"""Drift on real tables: leads that the live learned model scored are counted, and no others."""

from collections.abc import AsyncIterator

import pytest

from services.scoring.domain.learning.drifting import Drift
from services.scoring.drift import find_drift
from tests.support.scoring import Log, ScoringLane, scoring_lane

RULES = """\
kind: scoring
rules: [{id: any, points: 46}, {id: ceo, points: 10, when: {field: title, eq: CEO}}]
"""
LEARNED = RULES + "learned: {scores: [0, 0, 0, 0, 300, 100, 0, 0, 0, 0]}\n"


@pytest.fixture
async def lane(dsn: str) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(dsn) as lane:
        async with lane.database.transaction(lane.now) as work:
            await work.execute("TRUNCATE lead_scores, decisions, commands, rule_versions, active_rules")
        yield lane


async def drift_of(lane: ScoringLane) -> Drift | None:
    async with lane.database.transaction(lane.now) as work:
        return await find_drift(work)


async def test_leads_of_the_live_learned_version_are_counted(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.publish(RULES, command=1))
    await lane.settle(*(log.captured(n, title="CEO") for n in range(1000, 1100)))
    assert await drift_of(lane) is None, "what somebody wrote is not watched"
    await lane.settle(log.publish(LEARNED, command=2))
    assert (found := await drift_of(lane)) is not None and (sum(found.live), found.says) == (0, "not enough data")
    await lane.settle(*(log.captured(n, title="CEO" if n % 4 == 0 else "Clerk") for n in range(240)))
    assert (found := await drift_of(lane)) is not None
    assert (found.version, found.live[4], found.live[5], found.says) == (2, 180, 60, "steady")
    await lane.settle(*(log.captured(n, state="target") for n in range(300, 310)))
    await lane.settle(*(log.captured(n, title="CEO") for n in range(400, 800)))
    assert (found := await drift_of(lane)) is not None
    assert (sum(found.live), found.says) == (640, "moved")
