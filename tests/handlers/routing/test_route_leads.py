"""Scored leads against a real database: one assignment a lead, newest parts, the same events on a redelivery."""

import asyncio
import contextlib
from typing import Any

import orjson
import pytest

from services.routing.adapters.postgres import postgres_tables
from services.routing.adapters.postgres.leads import PostgresLeads
from services.routing.adapters.postgres.roster import PostgresRotations
from services.routing.domain.assignment import Turn
from services.routing.subscribers import routing_subscription
from shared.contracts.topics import ROUTED
from shared.handling.outcomes import Outcome, OutEvent, Produced, Rejected, Skipped
from shared.messaging.settling import Settling
from shared.persistence.decisions import ClaimLost
from tests.support.routing import NOW, Desk, lead_id
from tests.support.undecodable import HERE, UNDECODABLE, holding
from tests.support.waiting import eventually

pytestmark = pytest.mark.stack


def event_of(outcome: Outcome | None) -> OutEvent:
    assert isinstance(outcome, Produced), outcome
    return outcome.events[0]


def data_of(outcome: Outcome | None) -> Any:
    return orjson.loads(event_of(outcome).data)


async def test_a_batch_is_shared_fairly_and_published(desk: Desk) -> None:
    records = [desk.feed.scored(n) for n in range(30)]
    outcomes = await desk.take(*records)
    assert await desk.owners() == {"ann": 10, "ben": 10, "chris": 10}
    event = event_of(outcomes[0])
    assert (event.topic, event.key, event.envelope.type) == (ROUTED, lead_id(0).encode(), "lead.routed")
    assert [data_of(outcome)["assignment"]["owner"] for outcome in outcomes[:4]] == ["ann", "ben", "chris", "ann"]
    assert [outcome.outcome for outcome in outcomes if isinstance(outcome, Produced)] == ["assigned"] * 30


async def test_queues_and_owners_are_stored_beside_the_lead(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1, grade="D"), desk.feed.scored(2, grade="A", company={"employees": 4000}))
    assert (await desk.assignment(1))["queue"] == "marketing"
    big = await desk.assignment(2)
    assert (big["queue"], big["owner"]) == ("enterprise", None)
    assert orjson.loads(big["lead"])["company"] == {"employees": 4000}


async def test_a_redelivery_changes_nothing_and_gives_the_same_events(desk: Desk) -> None:
    records = [desk.feed.scored(n) for n in range(7)]
    first = await desk.take(*records)
    stored = await desk.rows("SELECT * FROM assignments ORDER BY lead_id")
    turns = await desk.rows("SELECT * FROM rotations")
    again = await desk.take(*records)
    assert again == first
    assert await desk.rows("SELECT * FROM assignments ORDER BY lead_id") == stored
    assert await desk.rows("SELECT * FROM rotations") == turns == [{"rotation": "queue/sales", "last_member": "ann"}]


async def test_a_redelivery_publishes_the_newest_state_under_the_same_id(desk: Desk) -> None:
    old = desk.feed.scored(1, grade="A")
    (first,) = await desk.take(old)
    await desk.take(desk.feed.scored(1, grade="B", lead_version=5, score_version=4))
    (again,) = await desk.take(old)
    assert event_of(again).envelope == event_of(first).envelope
    assert (data_of(again)["lead_version"], data_of(again)["score"]["grade"]) == (5, "B")
    assert data_of(again)["assignment"] == data_of(first)["assignment"]


async def test_the_same_event_in_another_record_is_a_repetition(desk: Desk) -> None:
    record = desk.feed.scored(1)
    await desk.take(record)
    assert await desk.take(desk.feed.moved(record)) == [Skipped("repeated_event")]
    twice = desk.feed.scored(2)
    outcomes = await desk.take(twice, desk.feed.moved(twice))
    assert isinstance(outcomes[0], Produced)
    assert outcomes[1] == Skipped("repeated_event")
    assert await desk.owners() == {"ann": 1, "ben": 1}


async def test_an_assignment_stands_whatever_later_scores_say(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1, grade="A"))
    before = await desk.assignment(1)
    (kept,) = await desk.take(desk.feed.scored(1, grade="D", lead_version=2, score_version=2, name="New Name"))
    after = await desk.assignment(1)
    assert isinstance(kept, Produced)
    assert kept.outcome == "kept"
    data = data_of(kept)
    assert (data["lead"]["name"], data["score"]["grade"], data["assignment"]["owner"]) == ("New Name", "D", "ann")
    same = ("assignment", "assignment_version", "owner", "queue", "assigned_at")
    assert [before[column] for column in same] == [after[column] for column in same]


@pytest.mark.parametrize("apart", [True, False])
async def test_older_events_are_recorded_and_never_overwrite(desk: Desk, apart: bool) -> None:
    newest = desk.feed.scored(1, lead_version=3, score_version=3, name="Newest")
    older = desk.feed.scored(1, lead_version=2, score_version=3, name="Older")
    outcomes = [*await desk.take(newest), *await desk.take(older)] if apart else await desk.take(newest, older)
    assert outcomes[1] == Skipped("superseded", subject=lead_id(1))
    row = await desk.assignment(1)
    assert (row["lead_version"], orjson.loads(row["lead"])["name"]) == (3, "Newest")
    (decision,) = await desk.rows("SELECT outcome, reason FROM decisions WHERE event_id = $1", older.event_id)
    assert decision == {"outcome": "skipped", "reason": "superseded"}


async def test_lead_and_score_are_taken_each_by_its_own_version(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1, lead_version=5, score_version=1, name="Five", grade="A"))
    (kept,) = await desk.take(desk.feed.scored(1, lead_version=4, score_version=2, name="Four", grade="B"))
    data = data_of(kept)
    assert (data["lead"]["name"], data["lead_version"]) == ("Five", 5)
    assert (data["score"]["grade"], data["score_version"]) == ("B", 2)


async def test_several_events_of_a_new_lead_in_one_batch_are_one_assignment(desk: Desk) -> None:
    outcomes = await desk.take(
        desk.feed.scored(1, grade="D"),
        desk.feed.scored(2),
        desk.feed.scored(1, grade="A", lead_version=2, score_version=2),
    )
    assert [o.outcome for o in outcomes if isinstance(o, Produced)] == ["assigned", "assigned", "kept"]
    row = await desk.assignment(1)
    assert (row["queue"], row["lead_version"], row["assignment_version"]) == ("marketing", 2, 1)
    assert data_of(outcomes[2])["assignment"]["queue"] == "marketing"
    assert await desk.owners() == {"ann": 1}


@pytest.mark.parametrize(
    "value",
    [
        b"{}",
        b'{"lead":{"lead_id":"7"},"lead_version":1,"score":{},"score_version":1,"origin":{}}',
        b'{"lead":{},"lead_version":1,"score":{},"score_version":1,"origin":{}}',
        orjson.dumps(
            {"lead": {"lead_id": lead_id(1)}, "lead_version": 2**40, "score": {}, "score_version": 1, "origin": {}}
        ),
        b"null",
        b"\xff",
    ],
)
async def test_what_is_no_scored_lead_is_a_dead_letter_and_the_rest_goes_on(desk: Desk, value: bytes) -> None:
    bad = desk.feed.scored(1)._replace(value=value)
    outcomes = await desk.take(desk.feed.scored(2), bad, desk.feed.scored(3))
    assert isinstance(outcomes[1], Rejected)
    assert outcomes[1].reason == "invalid_contract"
    assert await desk.owners() == {"ann": 1, "ben": 1}


async def test_odd_content_of_a_lead_is_carried_and_never_fails(desk: Desk) -> None:
    odd: dict[str, Any] = {
        "company": None,
        "budget": 7,
        "extra": {"text": "nul \u0000 and é", "deep": [[[{}]]]},
        "address": "x",
    }
    (outcome,) = await desk.take(desk.feed.scored(1, **odd))
    assert {key: data_of(outcome)["lead"][key] for key in odd} == odd
    (again,) = await desk.take(desk.feed.made[0])
    assert again == outcome


async def test_inactive_members_get_nothing_and_the_default_queue_takes_over(desk: Desk) -> None:
    for member_id in ("ann", "ben", "chris"):
        await desk.take(desk.feed.set_member(member_id, active=False))
    (outcome,) = await desk.take(desk.feed.scored(1))
    assignment = data_of(outcome)["assignment"]
    assert (assignment["queue"], assignment["reason"]) == ("unassigned", "nobody_available")
    assert assignment["trace"][-1]["skipped"] == ["ann: inactive", "ben: inactive", "chris: inactive"]


async def test_two_workers_at_once_keep_the_turns_fair(desk: Desk) -> None:
    """Both need the same rotation, from partitions of their own: whoever comes second goes on where the first ended."""
    other = Settling(routing_subscription(postgres_tables()), "routing", desk.database, lambda: NOW)
    batches = [[desk.feed.scored(f"{b}/{n}") for n in range(25)] for b in range(12)]
    for first, second in zip(batches[::2], batches[1::2], strict=True):
        elsewhere = [record._replace(partition=1) for record in second]
        await asyncio.gather(desk.take(*first), other.settle(elsewhere, {}))
    assert await desk.owners() == {"ann": 100, "ben": 100, "chris": 100}


async def test_a_second_worker_waits_for_the_rotation_and_goes_on_where_the_first_ended(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1))
    rotations = PostgresRotations()

    async def second() -> dict[str, str | None]:
        async with desk.database.transaction(NOW) as work:
            return await rotations.lock(work, ["queue/sales"])

    async with desk.database.transaction(NOW) as work:
        await rotations.lock(work, ["queue/sales"])
        await rotations.save(work, [Turn("queue/sales", "chris")])
        waiting = asyncio.create_task(second())

        async def it_waits_or_is_done() -> bool:
            waiters = "SELECT 1 FROM pg_locks WHERE NOT granted"
            return waiting.done() or bool(await desk.rows(waiters))

        await eventually(it_waits_or_is_done, "the second worker came to the rotation")
    assert await waiting == {"queue/sales": "chris"}


async def test_two_workers_with_the_same_new_lead_make_one_assignment(desk: Desk) -> None:
    """The second one loses its claim, which is a transient error: it looks again and finds the assignment."""
    leads = PostgresLeads()
    await desk.take(desk.feed.scored(1))
    async with desk.database.transaction(NOW) as work:
        (state,) = (await leads.lock(work, [lead_id(1)])).values()
    with pytest.raises(ClaimLost):
        async with desk.database.transaction(NOW) as work:
            await leads.add(work, [state])


async def test_a_failed_batch_takes_no_turn(desk: Desk) -> None:
    rotations = PostgresRotations()
    with contextlib.suppress(ZeroDivisionError):
        async with desk.database.transaction(NOW) as work:
            assert await rotations.lock(work, ["queue/sales"]) == {"queue/sales": None}
            await rotations.save(work, [Turn("queue/sales", "ben")])
            raise ZeroDivisionError
    await desk.take(desk.feed.scored(1))
    assert await desk.owners() == {"ann": 1}


@pytest.mark.parametrize("part", UNDECODABLE.values(), ids=UNDECODABLE)
async def test_what_nobody_could_decode_is_a_dead_letter(desk: Desk, part: bytes) -> None:
    held = desk.feed.scored(1, extra={"size": HERE})
    bad = held._replace(value=holding(orjson.loads(held.value or b""), part))
    rejected, routed = await desk.take(bad, desk.feed.scored(2))
    assert rejected == Rejected("invalid_contract", exception="JSONDecodeError")
    assert isinstance(routed, Produced)
