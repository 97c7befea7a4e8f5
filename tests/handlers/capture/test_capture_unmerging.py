"""Merges made by themselves, questions to people, and merges that are taken back, on a real Postgres."""

from typing import Any

import orjson
import pytest

from shared.contracts.events.capture import LeadCaptured, LeadUnmerged
from shared.contracts.events.platform import CommandCompleted
from shared.messaging.settling import Settled
from tests.support.capture import Bench, record
from tests.support.capture_commands import merge, order

pytestmark = pytest.mark.stack

ANN = {"first_name": "Ann", "last_name": "Lee"}


def events(settled: Settled) -> list[dict[str, Any]]:
    return [orjson.loads(event.data) for event in settled.outcome.events]  # type: ignore[union-attr]


def event_ids(settled: Settled) -> list[str]:
    return [event.envelope.event_id for event in settled.outcome.events]  # type: ignore[union-attr]


def completed(settled: Settled) -> CommandCompleted:
    return CommandCompleted.model_validate_json(settled.outcome.events[-1].data)  # type: ignore[union-attr]


def lead_of(settled: Settled) -> str:
    lead_id: str = events(settled)[0]["lead"]["lead_id"]
    return lead_id


async def facts(bench: Bench) -> dict[str, tuple[Any, ...]]:
    rows = await bench.fetch("SELECT lead_id::text, facts, own_facts, merged_into::text FROM leads")
    return {row["lead_id"]: tuple(row)[1:] for row in rows}


async def test_a_merge_is_taken_back_as_if_it_had_not_happened(bench: Bench) -> None:
    first, second = await bench.settle(
        record(0, {"email": "ann@example.com", "campaign": "spring", **ANN}),
        record(1, {"email": "bob@example.com", "phone": "+14155550100", "title": "VP", "first_name": "Bob"}),
    )
    winner, loser = lead_of(first), lead_of(second)
    (done,) = await bench.settle(merge(10, winner, loser))
    merge_id = completed(done).result["merge_id"]
    assert event_ids(done)[0] == merge_id
    later = await bench.settle(
        record(20, {"email": "bob@example.com", "message": "of Bob"}),
        record(21, {"email": "ann@example.com", "message": "of Ann"}),
        record(22, {"phone": "+14155550100", "budget": "5 USD"}),
    )
    assert [lead_of(each) for each in later] == [winner] * 3
    (undone,) = await bench.settle(order(30, "lead.unmerge", lead_id=loser, merge_id=merge_id, reason="two people"))
    assert completed(undone).status == "done"
    ours, theirs = (LeadUnmerged.model_validate(event) for event in events(undone)[:2])
    assert ours.lead is not None
    assert theirs.lead is not None
    assert (ours.lead.lead_id, theirs.lead.lead_id) == (winner, loser)
    assert ours.lead_version == theirs.lead_version == 6
    assert (ours.lead.emails, ours.lead.message, ours.lead.touch_count) == (["ann@example.com"], "of Ann", 2)
    assert (theirs.lead.emails, theirs.lead.message, theirs.lead.touch_count) == (["bob@example.com"], "of Bob", 3)
    assert theirs.lead.budget is not None
    again = await bench.settle(record(40, {"email": "bob@example.com"}), record(41, {"email": "ann@example.com"}))
    assert [lead_of(each) for each in again] == [loser, winner]
    rows = await facts(bench)
    assert [rows[each][1:] for each in (winner, loser)] == [(None, None)] * 2


async def test_a_redelivered_unmerge_says_the_same_and_refusals_name_their_reason(bench: Bench) -> None:
    first, second = await bench.settle(record(0, {"email": "a@example.com"}), record(1, {"email": "b@example.com"}))
    winner, loser = lead_of(first), lead_of(second)
    (done,) = await bench.settle(merge(10, winner, loser))
    merge_id = completed(done).result["merge_id"]
    wanted = order(30, "lead.unmerge", lead_id=loser, reason="two people")
    (undone,) = await bench.settle(wanted)
    (redelivered,) = await bench.settle(wanted)
    assert event_ids(redelivered) == event_ids(undone)
    assert events(redelivered) == events(undone)
    refused = await bench.settle(
        order(31, "lead.unmerge", lead_id=loser, reason="again"),
        order(32, "lead.unmerge", lead_id=loser, merge_id=merge_id, reason="again"),
        order(33, "lead.unmerge", lead_id=loser, merge_id="no id", reason="again"),
        order(34, "lead.unmerge", lead_id=loser, merge_id=loser, reason="again"),
        order(35, "lead.unmerge", lead_id="no id", reason="again"),
        order(36, "lead.unmerge", lead_id=loser, reason=" "),
    )
    assert [completed(each).reason for each in refused] == [
        "unknown_merge", "already_unmerged", "unknown_merge", "unknown_merge", "unknown_merge", "invalid_reason",
    ]  # fmt: skip


async def test_what_was_taken_back_may_be_merged_again_by_command_only(bench: Bench) -> None:
    first, second = await bench.settle(
        record(0, {"email": "ann@gmail.com", **ANN}), record(1, {"email": "lee@gmail.com", **ANN})
    )
    winner, loser = lead_of(first), lead_of(second)
    (joined,) = await bench.settle(record(2, {"emails": ["ann@gmail.com", "lee@gmail.com"], **ANN}))
    captured = LeadCaptured.model_validate(events(joined)[0])
    assert captured.verdict == "same"
    (found,) = captured.resembles
    assert found.merge_id == event_ids(joined)[1]
    assert events(joined)[1]["loser_id"] == loser
    await bench.settle(order(10, "lead.unmerge", lead_id=loser, merge_id=found.merge_id, reason="twins"))
    (shared,) = await bench.settle(record(3, {"emails": ["ann@gmail.com", "lee@gmail.com"], **ANN}))
    assert "resembles" not in events(shared)[0]
    assert lead_of(shared) == winner
    (by_hand,) = await bench.settle(merge(11, winner, loser))
    assert completed(by_hand).status == "done"


async def test_a_redelivered_submission_that_joined_leads_gives_the_same_events(bench: Bench) -> None:
    await bench.settle(record(0, {"email": "ann@gmail.com", **ANN}), record(1, {"email": "lee@gmail.com", **ANN}))
    both = record(2, {"emails": ["ann@gmail.com", "lee@gmail.com"], **ANN})
    (joined,) = await bench.settle(both)
    (again,) = await bench.settle(both)
    assert len(event_ids(joined)) == 2
    assert (event_ids(again), events(again)) == (event_ids(joined), events(joined))


async def test_the_comparison_joins_across_batches_and_the_join_can_be_undone(bench: Bench) -> None:
    (first,) = await bench.settle(record(0, {"email": "ann@northwind.com", **ANN}))
    (second,) = await bench.settle(record(1, {"email": "ann+fair@northwind.com", **ANN}))
    captured = events(second)[0]
    assert (captured["outcome"], captured["lead"]["lead_id"]) == ("merged", lead_of(first))
    merged = events(second)[1]
    (undone,) = await bench.settle(
        order(10, "lead.unmerge", lead_id=merged["loser_id"], merge_id=merged["merge_id"], reason="sisters")
    )
    restored = LeadUnmerged.model_validate(events(undone)[1])
    assert restored.lead is not None
    assert restored.lead.emails == ["ann+fair@northwind.com"]


async def test_a_pair_is_asked_about_once_whatever_was_decided(bench: Bench) -> None:
    def northwind(n: int) -> dict[str, Any]:
        return {"email": f"ann{n}@gmail.com", "company": {"name": "Northwind"}, **ANN}

    first, second = [(await bench.settle(record(n, northwind(n))))[0] for n in (0, 1)]
    (found,) = LeadCaptured.model_validate(events(second)[0]).resembles
    assert found.verdict == "review"
    assert found.pair_id is not None
    kept, unknown = await bench.settle(
        order(10, "duplicate.keep", pair_id=found.pair_id, reason="father and son"),
        order(11, "duplicate.keep", pair_id=lead_of(first), reason="who?"),
    )
    assert (completed(kept).status, completed(unknown).reason) == ("done", "unknown_pair")
    await bench.settle(record(20, {"emails": ["ann0@gmail.com", "ann1@gmail.com"], **ANN}))
    rows = await bench.fetch("SELECT status, reason FROM duplicate_pairs")
    assert [tuple(row) for row in rows] == [("kept", "father and son")]
    (merged,) = await bench.settle(order(12, "duplicate.merge", pair_id=found.pair_id, reason="called them"))
    assert completed(merged).result["winner_id"] == lead_of(first)
    (late,) = await bench.settle(order(13, "duplicate.keep", pair_id=found.pair_id, reason="no"))
    assert completed(late).reason == "already_merged"


async def test_merges_of_merges_are_taken_back_in_any_order(bench: Bench) -> None:
    people = await bench.settle(*(record(n, {"email": f"p{n}@example.com"}) for n in range(4)))
    a, b, c, d = (lead_of(each) for each in people)
    before = await facts(bench)
    inner, outer, last = await bench.settle(merge(10, b, c), merge(11, a, b), merge(12, a, d))
    (settled,) = await bench.settle(record(20, {"email": "p2@example.com"}))
    assert lead_of(settled) == a
    for n, done in enumerate((outer, last, inner)):
        result = completed(done).result
        (undone,) = await bench.settle(
            order(30 + n, "lead.unmerge", lead_id=result["loser_id"], merge_id=result["merge_id"], reason="undo")
        )
        assert completed(undone).status == "done"
        if done is outer:
            assert lead_of((await bench.settle(record(40, {"email": "p2@example.com"})))[0]) == b
    after = await facts(bench)
    assert {each: after[each] for each in (a, b, d)} == {each: before[each] for each in (a, b, d)}
    assert len(orjson.loads(after[c][0])[2]) == 3
