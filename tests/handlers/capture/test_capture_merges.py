"""Joining two leads by command."""

import asyncio

import orjson
import pytest

from shared.contracts import ids
from shared.contracts.events.capture import LeadMerged
from shared.contracts.events.platform import CommandCompleted
from shared.contracts.topics import MERGED
from shared.handling.records import Record
from shared.messaging.settling import Settled
from tests.support.capture import Bench, event_of, record
from tests.support.capture_commands import merge

pytestmark = pytest.mark.stack


def completed(settled: Settled) -> CommandCompleted:
    return CommandCompleted.model_validate_json(settled.outcome.events[-1].data)  # type: ignore[union-attr]


async def two_leads(bench: Bench) -> tuple[str, str]:
    settled = await bench.settle(
        record(0, {"email": "ann@example.com", "first_name": "Ann", "campaign": "first"}),
        record(1, {"email": "ann@work.example", "phone": "+14155550100", "title": "VP", "campaign": "second"}),
        record(2, {"email": "ann@work.example"}),
    )
    return event_of(settled[1])["lead"]["lead_id"], event_of(settled[0])["lead"]["lead_id"]


async def test_both_leads_take_the_next_version_and_every_fact_survives(bench: Bench) -> None:
    winner, loser = await two_leads(bench)
    (settled,) = await bench.settle(merge(10, winner, loser))
    assert completed(settled).status == "done"
    event = settled.outcome.events[0]  # type: ignore[union-attr]
    assert (event.topic, event.key) == (MERGED, winner.encode())
    merged = LeadMerged.model_validate_json(event.data)
    assert (merged.winner_id, merged.loser_id, merged.lead_version) == (winner, loser, 3)
    assert set(merged.lead.emails) == {"ann@example.com", "ann@work.example"}
    assert merged.lead.first_touch is not None
    assert merged.lead.first_touch["campaign"] == "first"
    rows = await bench.fetch("SELECT lead_version, merged_into::text FROM leads ORDER BY merged_into NULLS FIRST")
    assert [tuple(row) for row in rows] == [(3, None), (3, winner)]


async def test_later_submissions_of_either_reach_the_winner(bench: Bench) -> None:
    winner, loser = await two_leads(bench)
    await bench.settle(merge(10, winner, loser))
    (settled,) = await bench.settle(record(20, {"email": "ann@example.com", "message": "again"}))
    data = event_of(settled)
    assert (data["outcome"], data["lead"]["lead_id"], data["lead_version"]) == ("merged", winner, 4)


async def test_a_redelivered_merge_says_the_same_and_a_redelivered_loser_shows_the_winner(bench: Bench) -> None:
    winner, loser = await two_leads(bench)
    (first,) = await bench.settle(merge(10, winner, loser))
    captured, again = await bench.settle(
        record(0, {"email": "ann@example.com", "first_name": "Ann", "campaign": "first"}), merge(10, winner, loser)
    )
    assert [e.envelope.event_id for e in again.outcome.events] == [  # type: ignore[union-attr]
        e.envelope.event_id
        for e in first.outcome.events  # type: ignore[union-attr]
    ]
    assert event_of(captured)["lead"]["lead_id"] == winner
    assert event_of(captured)["lead_version"] == 3


async def test_refusals_name_their_reason(bench: Bench) -> None:
    winner, loser = await two_leads(bench)
    stranger = ids.new_id()
    settled = await bench.settle(
        merge(10, winner, winner),
        merge(11, winner, stranger),
        merge(12, stranger, loser),
        merge(13, "no id", loser),
        merge(18, winner, loser, reason="nul \u0000"),
        merge(19, winner, loser, reason=" "),
        merge(14, winner, loser),
        merge(15, winner, loser),
        merge(16, loser, winner),
    )
    assert [(completed(s).status, completed(s).reason) for s in settled] == [
        ("refused", "same_lead"),
        ("refused", "unknown_lead"),
        ("refused", "unknown_lead"),
        ("refused", "unknown_lead"),
        ("refused", "invalid_reason"),
        ("refused", "invalid_reason"),
        ("done", None),
        ("refused", "already_merged"),
        ("refused", "already_merged"),
    ]


async def test_a_merge_and_a_submission_at_the_same_time_leave_one_lead(bench: Bench) -> None:
    winner, loser = await two_leads(bench)
    other = Bench.__new__(Bench)
    other.__dict__.update(bench.__dict__)
    other._settling = bench._new_settling()
    batches = [
        record(20 + n, {"email": "ann@example.com", "phone": f"+1415555{n:04d}"}, partition=1) for n in range(20)
    ]
    await asyncio.gather(bench.settle(merge(10, winner, loser)), *(settle_with_retry(other, one) for one in batches))
    (lead,) = await bench.fetch("SELECT lead_id::text, lead_version, facts FROM leads WHERE merged_into IS NULL")
    assert lead["lead_id"] == winner
    links = await bench.fetch("SELECT DISTINCT lead_id::text FROM identities")
    assert {row["lead_id"] for row in links} == {winner, loser}
    assert len(orjson.loads(lead["facts"])[2]) == 23


async def settle_with_retry(bench: Bench, one: Record) -> None:
    """As the lane does: a transient error means to look again."""
    from shared.persistence.database import is_transient

    while True:
        try:
            await bench.settle(one)
        except Exception as error:
            if not is_transient(error):
                raise
            await asyncio.sleep(0.01)
        else:
            return
