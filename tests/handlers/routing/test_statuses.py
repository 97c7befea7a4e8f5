"""Targets are held; leads are laid aside and taken up again; junk is purged in time."""

from datetime import timedelta
from typing import Any, NamedTuple

import orjson
import pytest

from services.routing.domain.assignment import is_held_target
from shared.contracts.commands.capture import EraseLead, MarkLead
from shared.contracts.commands.routing import PurgeJunk, SetLeadStatus
from shared.contracts.events.platform import CommandCompleted
from shared.contracts.events.routing import Assignment
from shared.contracts.topics import CAPTURE_COMMANDS, ROUTING_COMMANDS
from shared.handling.outcomes import Outcome, Produced, Skipped
from shared.handling.records import Record
from shared.messaging.raw_producer import RawRecord
from shared.runtime.sweeper import Sweeper
from tests.support.routing import NOW, Desk, lead_id

pytestmark = pytest.mark.stack


def status(desk: Desk, n: int, to: str, reason: str = "wrong number") -> Record:
    data = {"lead_id": lead_id(n), "status": to, "reason": reason, "requested_by": "ann"}
    return desk.feed.command(SetLeadStatus.TYPE, lead_id(n), data)


class Routed(NamedTuple):
    """What a `lead.routed` says of the assignment."""

    assignment: Assignment
    assignment_version: int
    lead_version: int


def routed_of(outcome: Outcome | None) -> Routed:
    assert isinstance(outcome, Produced)
    data = orjson.loads(outcome.events[0].data)
    assignment = Assignment.model_validate(data["assignment"])
    return Routed(assignment, data["assignment_version"], data["lead_version"])


def refusal_of(outcome: Outcome | None) -> str | None:
    assert isinstance(outcome, Produced)
    return CommandCompleted.model_validate_json(outcome.events[-1].data).reason


async def due(desk: Desk, days: int) -> list[Record]:
    """The commands of the timers that are due by then."""
    sent: list[RawRecord] = []

    async def send(_topic: str, records: Any) -> None:
        sent.extend(records)

    await Sweeper("routing", desk.database, send, lambda: NOW + timedelta(days=days)).sweep()
    return [
        desk.feed.record(ROUTING_COMMANDS, PurgeJunk.TYPE, one.key.decode(), one.value, f"timer/{place}")
        for place, one in enumerate(sent)
    ]


async def test_a_target_is_held_and_given_to_somebody_when_it_has_become_a_lead(desk: Desk) -> None:
    (held,) = await desk.take(desk.feed.scored(1, grade="A", state="target"))
    assignment = routed_of(held).assignment
    assert (assignment.owner, assignment.queue, assignment.strategy, assignment.reason) == (
        None, "targets", "holding", "target",
    )  # fmt: skip
    assert is_held_target((await desk.assignment(1))["assignment"].encode())
    (kept,) = await desk.take(desk.feed.scored(1, grade="A", state="target", lead_version=2, score_version=2))
    assert routed_of(kept).assignment == assignment
    released = desk.feed.scored(1, grade="A", lead_version=3, score_version=3)
    (given,) = await desk.take(released)
    routed = routed_of(given)
    assert routed.assignment.owner is not None and routed.assignment_version == 2 and routed.lead_version == 3
    (again,) = await desk.take(released)
    assert routed_of(again) == routed


async def test_a_target_that_becomes_a_lead_within_a_batch_is_given_to_somebody(desk: Desk) -> None:
    first, second = await desk.take(
        desk.feed.scored(1, grade="A", state="target"), desk.feed.scored(1, grade="A", lead_version=2, score_version=2)
    )
    assert routed_of(first).assignment.owner is not None and second == Skipped("superseded", lead_id(1))


async def test_a_target_whose_time_is_over_leaves_the_queue_of_targets_and_may_still_respond(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1, grade="A", state="target"))
    expired = desk.feed.scored(1, grade="A", state="expired", lead_version=2, score_version=2)
    (over,) = await desk.take(expired)
    routed = routed_of(over)
    assert (routed.assignment.owner, routed.assignment.queue, routed.assignment.reason) == (None, "expired", "expired")
    assert routed.assignment_version == 2
    late = desk.feed.scored(1, grade="A", state="target", lead_version=1, score_version=3)
    (kept, again) = await desk.take(late, expired)
    assert routed_of(kept).assignment.queue == routed_of(again).assignment.queue == "expired"
    (relisted,) = await desk.take(desk.feed.scored(1, grade="A", state="target", lead_version=3, score_version=4))
    assert routed_of(relisted).assignment.queue == "targets"
    (gone, given) = await desk.take(
        desk.feed.scored(1, grade="A", state="expired", lead_version=4, score_version=5),
        desk.feed.scored(1, grade="A", lead_version=5, score_version=6),
    )
    assert gone == Skipped("superseded", lead_id(1)) and routed_of(given).assignment.owner is not None
    assert (await desk.assignment(1))["owner"] is not None


async def test_a_target_that_expires_within_the_batch_that_brings_it_is_held_as_such(desk: Desk) -> None:
    await desk.take(
        desk.feed.scored(1, state="target"), desk.feed.scored(1, state="expired", lead_version=2, score_version=2)
    )
    assert (await desk.assignment(1))["queue"] == "expired"


async def test_junk_is_out_of_the_work_at_once_and_every_reason_is_kept(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1, grade="A"))
    (junk,) = await desk.take(status(desk, 1, "junk", "test entry"))
    routed = routed_of(junk)
    assert (routed.assignment.owner, routed.assignment.queue) == (None, "junk")
    await desk.take(status(desk, 1, "junk", "spam, not a test"))
    await desk.take(status(desk, 1, "open", "it was real"))
    (aside,) = await desk.take(status(desk, 1, "nurturing", "no budget yet"))
    work = routed_of(aside).assignment.work
    assert work is not None and (work.status, work.reason, work.author) == ("nurturing", "no budget yet", "ann")
    assert [(said.status, said.reason) for said in work.history] == [
        ("junk", "test entry"), ("junk", "spam, not a test"), ("open", "it was real"),
    ]  # fmt: skip
    assert all(said.author == "ann" and said.at for said in work.history)


def mark_of(outcome: Outcome | None) -> tuple[str, str, str] | None:
    """What routing asks capture to note of a lead: mark, reason, whose."""
    assert isinstance(outcome, Produced)
    sent = [event for event in outcome.events if event.topic == CAPTURE_COMMANDS]
    if not sent:
        return None
    (event,) = sent
    said = MarkLead.model_validate_json(event.data)
    assert (event.envelope.type, event.key) == (MarkLead.TYPE, said.lead_id.encode())
    return said.mark, said.reason, said.requested_by


async def test_nobody_writes_to_junk_until_it_is_taken_up(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1, grade="A"))
    set_junk, reopen = status(desk, 1, "junk", "test entry"), status(desk, 1, "open", "it was real")
    (junk,) = await desk.take(set_junk)
    assert mark_of(junk) == ("junk", "test entry", "ann")
    (again,) = await desk.take(set_junk)
    assert isinstance(junk, Produced) and isinstance(again, Produced)
    assert [event.envelope.event_id for event in again.events] == [event.envelope.event_id for event in junk.events]
    (rewritten,) = await desk.take(status(desk, 1, "junk", "spam, not a test"))
    assert mark_of(rewritten) is None
    (opened,) = await desk.take(reopen)
    assert mark_of(opened) == ("not_junk", "it was real", "ann")
    (opened_again,) = await desk.take(reopen)
    assert mark_of(opened_again) == ("not_junk", "it was real", "ann")
    (aside,) = await desk.take(status(desk, 1, "nurturing"))
    assert mark_of(aside) is None


async def test_a_lead_that_is_opened_again_is_given_away_anew(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1, grade="A"))
    await desk.take(status(desk, 1, "disqualified"))
    reopen = status(desk, 1, "open", "they called back")
    (opened,) = await desk.take(reopen)
    routed = routed_of(opened)
    assert routed.assignment.owner is not None and routed.assignment.work is not None
    assert routed.assignment.work.status == "open" and routed.assignment_version == 3
    (again,) = await desk.take(reopen)
    assert routed_of(again) == routed


async def test_what_was_said_survives_another_owner_and_a_lead_laid_aside_gets_none(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1, grade="A"))
    await desk.take(status(desk, 1, "junk"))
    (refused,) = await desk.take(desk.feed.reassign(1, queue="sales"))
    assert refusal_of(refused) == "laid_aside"
    await desk.take(status(desk, 1, "open"))
    (moved,) = await desk.take(desk.feed.reassign(1, queue="sales"))
    work = routed_of(moved).assignment.work
    assert work is not None and len(work.history) == 1


async def test_junk_is_erased_after_its_time_unless_somebody_took_it_up(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1), desk.feed.scored(2))
    await desk.take(status(desk, 1, "junk"), status(desk, 2, "junk"))
    assert await due(desk, 29) == []
    await desk.take(status(desk, 2, "open"))
    (purge,) = await due(desk, 31)
    (purged,) = await desk.take(purge)
    assert isinstance(purged, Produced)
    (erasure,) = purged.events
    assert (erasure.topic, erasure.envelope.type, erasure.key) == (
        CAPTURE_COMMANDS, EraseLead.TYPE, lead_id(1).encode(),
    )  # fmt: skip
    told = orjson.loads(erasure.data)
    assert (told["reason"], told["purged"]) == ("retention", "junk")
    (again,) = await desk.take(purge)
    assert isinstance(again, Produced) and again.events == purged.events


@pytest.mark.parametrize(
    ("to", "reason", "expected"),
    [("gone", "x", "invalid_status"), ("junk", " ", "invalid_reason"), ("open", "x", "already_open")],
)
async def test_a_status_that_makes_no_sense_is_refused(desk: Desk, to: str, reason: str, expected: str) -> None:
    await desk.take(desk.feed.scored(1))
    (refused,) = await desk.take(status(desk, 1, to, reason))
    assert refusal_of(refused) == expected
    (unknown,) = await desk.take(status(desk, 9, "junk"))
    assert refusal_of(unknown) == "unknown_lead"
