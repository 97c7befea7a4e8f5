"""A draft in the shadow: it counts beside live traffic, changes no event, and costs nothing when it is off."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.scoring.adapters.shadow import read_counts, read_shadow
from tests.support.scoring import Log, ScoringLane, scoring_lane

DRAFT = "kind: scoring\nname: bold\ngrades: {by: total, A: 90, B: 20, C: 5}\nrules: [{id: any, points: 95}]\n"


@pytest.fixture
async def lane(dsn: str) -> AsyncIterator[ScoringLane]:
    async with scoring_lane(dsn) as lane:
        async with lane.database.transaction(lane.now) as work:
            await work.execute("TRUNCATE lead_scores, shadow_rules, shadow_counts, decisions, commands")
        yield lane


def shadowing(log: Log, n: int, document: str | None = DRAFT, **said: Any) -> Any:
    wanted = {"kind": "scoring", "document": document, "author": "Ann", "reason": "a try", **said}
    return log.command("rules.shadow", wanted, command=n)


async def take_up(lane: ScoringLane) -> None:
    async with lane.database.transaction(lane.now) as work:
        await lane.shadow.refresh(work)


async def counted(lane: ScoringLane) -> list[dict[str, Any]]:
    async with lane.database.transaction(lane.now) as work:
        row = await read_shadow(work)
        return [] if row is None else await read_counts(work, row["shadow_id"])


async def test_a_draft_counts_beside_live_scores_which_stay_as_they_are(lane: ScoringLane) -> None:
    log = Log()
    (plain,) = await lane.settle(log.captured(1))
    (done,) = await lane.settle(shadowing(log, 1))
    assert done.outcome == "done", done
    await take_up(lane)
    outcomes = await lane.settle(*(log.captured(n) for n in range(2, 5)))
    assert [len(each.events) for each in outcomes] == [len(plain.events)] * 3
    assert all(b"bold" not in event.data for each in outcomes for event in each.events)
    (pair,) = await counted(lane)
    assert (pair["shadow"], pair["scores"], pair["differing"]) == ("A", 3, 3)


async def test_nothing_is_counted_before_it_starts_and_after_it_stops(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(shadowing(log, 1))
    await lane.settle(log.captured(1))
    assert await counted(lane) == [], "this process has not taken it up"
    await take_up(lane)
    await lane.settle(shadowing(log, 2, None))
    await take_up(lane)
    await lane.settle(log.captured(2))
    assert lane.shadow.model is None
    assert await lane.fetch("SELECT * FROM shadow_counts") == []


async def test_another_draft_begins_with_nothing(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(shadowing(log, 1))
    await take_up(lane)
    await lane.settle(log.captured(1))
    await lane.settle(shadowing(log, 2, DRAFT.replace("95", "1")))
    assert await counted(lane) == []
    await take_up(lane)
    await lane.settle(log.captured(2))
    assert [(pair["shadow"], pair["scores"]) for pair in await counted(lane)] == [("D", 1)]


async def test_a_redelivered_command_and_a_redelivered_lead_count_once(lane: ScoringLane) -> None:
    log = Log()
    start, lead = shadowing(log, 1), log.captured(1)
    await lane.settle(start)
    await take_up(lane)
    await lane.settle(lead)
    await lane.settle(start)
    await lane.settle(lead)
    assert [pair["scores"] for pair in await counted(lane)] == [1]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"kind": "gate"}, "unknown_kind"),
        ({"author": " "}, "invalid_text"),
        ({"document": "kind: scoring\n"}, "invalid_rules"),
        ({"document": None}, "no_shadow"),
    ],
)
async def test_what_cannot_run_is_refused(lane: ScoringLane, said: dict[str, Any], reason: str) -> None:
    (refused,) = await lane.settle(shadowing(Log(), 1, **said))
    assert refused.outcome == "refused"
    (row,) = await lane.fetch("SELECT reason FROM commands")
    assert row["reason"] == reason


async def test_a_draft_of_another_release_does_not_run_and_live_scores_go_on(lane: ScoringLane) -> None:
    log = Log()
    await lane.settle(shadowing(log, 1))
    async with lane.database.transaction(lane.now) as work:
        await work.execute("UPDATE shadow_rules SET document = 'kind: scoring'")
    await take_up(lane)
    assert lane.shadow.model is None
    (told,) = await lane.settle(log.captured(1))
    assert told.outcome == "scored"
