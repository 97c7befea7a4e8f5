"""Merges: the winner keeps its assignment or takes the loser's; late records of the loser change nothing."""

from typing import Any

import orjson
import pytest

from shared.handling.outcomes import Outcome, Produced, Rejected, Skipped
from tests.support.routing import Desk, lead_id

pytestmark = pytest.mark.stack


def data_of(outcome: Outcome | None) -> Any:
    assert isinstance(outcome, Produced), outcome
    return orjson.loads(outcome.events[0].data)


async def test_the_winner_keeps_its_assignment_and_takes_the_newer_lead(desk: Desk) -> None:
    await desk.take(desk.feed.scored("w"), desk.feed.scored("l"))
    (outcome,) = await desk.take(desk.feed.merged("w", "l", lead_version=4))
    data = data_of(outcome)
    assert (data["assignment"]["owner"], data["assignment_version"], data["lead_version"]) == ("ann", 1, 4)
    assert data["lead"]["touch_count"] == 2
    row = await desk.assignment("w")
    assert (row["owner"], row["lead_version"], orjson.loads(row["lead"])["touch_count"]) == ("ann", 4, 2)


async def test_a_winner_without_assignment_takes_the_losers_and_its_own_score_still_counts(desk: Desk) -> None:
    await desk.take(desk.feed.scored("l", score_version=7))
    held = orjson.loads((await desk.assignment("l"))["assignment"])
    (outcome,) = await desk.take(desk.feed.merged("w", "l"))
    data = data_of(outcome)
    assert data["assignment"] == held
    assert (data["lead"]["lead_id"], data["assignment_version"], data["score_version"]) == (lead_id("w"), 2, 0)
    (kept,) = await desk.take(desk.feed.scored("w", grade="C", score_version=1))
    assert data_of(kept)["score"]["grade"] == "C"
    assert data_of(kept)["assignment"]["owner"] == "ann"


async def test_a_target_that_is_a_lead_by_the_merge_has_the_other_leads_owner_at_once(desk: Desk) -> None:
    await desk.take(desk.feed.scored("l"), desk.feed.scored("w", state="target"))
    merge = desk.feed.merged("w", "l")
    (outcome,) = await desk.take(merge)
    data = data_of(outcome)
    assert (data["assignment"]["owner"], data["assignment_version"]) == ("ann", 2)
    assert data["assignment"] == orjson.loads((await desk.assignment("l"))["assignment"])
    (again,) = await desk.take(merge)
    assert again == outcome


async def test_a_target_that_is_a_lead_by_the_merge_is_given_away_where_the_other_was_not(desk: Desk) -> None:
    await desk.take(desk.feed.scored("w", state="target"))
    (outcome,) = await desk.take(desk.feed.merged("w", "l"))
    assert (data_of(outcome)["assignment"]["owner"], data_of(outcome)["assignment_version"]) == ("ann", 2)
    assert await desk.owners() == {"ann": 1}


async def test_a_merge_before_any_score_is_noted_and_late_records_of_the_loser_change_nothing(desk: Desk) -> None:
    merge = desk.feed.merged("w", "l")
    (noted,) = await desk.take(merge)
    assert noted == Produced("merge_noted", subject=lead_id("w"))
    assert await desk.take(desk.feed.scored("l")) == [Skipped("merged_away", subject=lead_id("w"))]
    await desk.take(desk.feed.scored("w"))
    assert await desk.rows("SELECT lead_id::text FROM assignments") == [{"lead_id": lead_id("w")}]
    assert await desk.take(merge) == [noted]


async def test_a_merge_and_the_losers_record_in_one_batch(desk: Desk) -> None:
    outcomes = await desk.take(desk.feed.merged("w", "l"), desk.feed.scored("l"), desk.feed.scored("w"))
    assert [type(outcome) for outcome in outcomes] == [Produced, Skipped, Produced]
    assert await desk.owners() == {"ann": 1}


async def test_a_merge_again_changes_nothing_and_publishes_the_newest_state(desk: Desk) -> None:
    await desk.take(desk.feed.scored("w"), desk.feed.scored("l"))
    merge = desk.feed.merged("w", "l", lead_version=4)
    (first,) = await desk.take(merge)
    await desk.take(desk.feed.scored("w", grade="B", lead_version=6, score_version=3))
    (again,) = await desk.take(merge)
    assert isinstance(first, Produced) and isinstance(again, Produced)
    assert again.events[0].envelope == first.events[0].envelope
    assert (data_of(again)["lead_version"], data_of(again)["score"]["grade"]) == (6, "B")


async def test_chains_of_merges_end_at_the_survivor(desk: Desk) -> None:
    await desk.take(desk.feed.scored("a"))
    outcomes = await desk.take(desk.feed.merged("b", "a"), desk.feed.merged("c", "b", lead_version=3))
    assert [outcome.subject for outcome in outcomes if isinstance(outcome, Produced)] == [lead_id("c")] * 2
    row = await desk.assignment("c")
    assert row["owner"] == "ann"
    assert orjson.loads(row["lead"])["lead_id"] == lead_id("c")
    assert await desk.take(desk.feed.scored("a", lead_version=2)) == [Skipped("merged_away", subject=lead_id("c"))]


async def test_a_redelivered_record_of_a_lead_that_was_merged_away_keeps_its_event_id(desk: Desk) -> None:
    record = desk.feed.scored("l")
    (first,) = await desk.take(record)
    await desk.take(desk.feed.merged("w", "l"))
    assert await desk.take(record) == [first]


@pytest.mark.parametrize("winner", ["l", "x"])
async def test_a_merge_that_is_none_is_a_dead_letter(desk: Desk, winner: str) -> None:
    record = desk.feed.merged("l", "l") if winner == "l" else desk.feed.merged("w", "l")
    if winner == "x":
        data = orjson.loads(record.value or b"")
        record = record._replace(value=orjson.dumps({**data, "lead": {"lead_id": lead_id("x")}}))
    (outcome,) = await desk.take(record)
    assert isinstance(outcome, Rejected)
    assert await desk.rows("SELECT 1 FROM aliases") == []


async def test_a_merge_that_was_taken_back_restores_each_assignment(desk: Desk) -> None:
    await desk.take(desk.feed.scored("w"), desk.feed.scored("l"))
    before = [orjson.loads((await desk.assignment(each))["assignment"]) for each in ("w", "l")]
    await desk.take(desk.feed.merged("w", "l"))
    split = [desk.feed.unmerged("w", "l", "w"), desk.feed.unmerged("w", "l", "l")]
    outcomes = await desk.take(*split)
    assert [data_of(o)["assignment"] for o in outcomes] == before
    assert [(data_of(o)["lead"]["lead_id"], data_of(o)["lead_version"]) for o in outcomes] == [
        (lead_id("w"), 3),
        (lead_id("l"), 3),
    ]
    (kept,) = await desk.take(desk.feed.scored("l", lead_version=4, score_version=2))
    assert data_of(kept)["assignment"] == before[1]
    again = await desk.take(*split)
    assert [o.events[0].envelope.event_id for o in again if isinstance(o, Produced)] == [
        o.events[0].envelope.event_id for o in outcomes if isinstance(o, Produced)
    ]


async def test_a_score_that_is_newer_than_the_merge_does_not_wait_for_the_split(desk: Desk) -> None:
    await desk.take(desk.feed.merged("w", "l"))
    (assigned,) = await desk.take(desk.feed.scored("l", lead_version=3))
    assert data_of(assigned)["lead"]["lead_id"] == lead_id("l")
    (noted,) = await desk.take(desk.feed.unmerged("w", "l", "w"))
    assert noted == Produced("merge_noted", subject=lead_id("w"))
