"""A held rate on real tables: a move is published like a person's, once, and only in the place of what was looked at."""

from collections.abc import AsyncIterator

import pytest

from services.scoring.rates import next_move
from shared.contracts import ids
from shared.contracts.commands.rules import PublishRules
from tests.support.scoring import Log, ScoringLane, scoring_lane

RULES = """\
kind: scoring
grades: {by: total, A: 50, B: 30, C: 10, hold: {a_per_day: 2, floor: 35, ceiling: 70}}
rules:
  - {id: any, points: 46}
  - {id: ceo, points: 10, when: {field: title, eq: CEO}}
"""


@pytest.fixture
async def lane(dsn: str) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(dsn) as lane:
        async with lane.database.transaction(lane.now) as work:
            await work.execute("TRUNCATE lead_scores, decisions, commands, rule_versions, active_rules")
        yield lane


async def wanted(lane: ScoringLane) -> PublishRules | None:
    async with lane.database.transaction(lane.now) as work:
        return await next_move(work)


async def some_leads(lane: ScoringLane, log: Log) -> None:
    lane.turn(days=10)  # the version has been live long enough; the leads were received ten days ago
    await lane.settle(*(log.captured(n, title="CEO" if n % 4 == 0 else "Clerk") for n in range(28)))


async def test_a_threshold_that_drops_is_published_with_author_and_forecast(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.publish(RULES))
    await some_leads(lane, log)
    move = await wanted(lane)
    assert move is not None and "A: 46" in move.document
    (first,) = await lane.settle(log.command("rules.publish", move.model_dump(), command=7))
    assert first.outcome == "done"
    live = (await lane.fetch("SELECT author, reason FROM rule_versions ORDER BY version DESC LIMIT 1"))[0]
    assert live["author"] == "leadstream (held rate)"
    assert live["reason"].startswith("A from 50 to 46: 0.5 A leads a day over 14 days, 2 wanted; at 46")
    assert await wanted(lane) is None, "it cools down"


async def test_a_move_gives_way_to_what_somebody_published_meanwhile(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.publish(RULES))
    await some_leads(lane, log)
    move = await wanted(lane)
    assert move is not None
    await lane.settle(log.publish(RULES.replace("points: 10", "points: 11"), command=8))
    await lane.settle(log.command("rules.publish", move.model_dump(), command=9))
    (row,) = await lane.fetch(f"SELECT reason FROM commands WHERE command_id = '{ids.derive(ids.COMMANDS, '9')}'")
    assert row["reason"] == "superseded"
    assert len(await lane.fetch("SELECT version FROM rule_versions")) == 2


async def test_targets_count_nothing_and_a_fixed_threshold_asks_nothing(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(log.publish(RULES))
    lane.turn(days=10)
    await lane.settle(*(log.captured(n, state="target") for n in range(40)))
    assert await wanted(lane) is None
    await lane.settle(log.publish("kind: scoring\nrules: [{id: any, points: 5}]\n", command=2))
    assert await wanted(lane) is None
