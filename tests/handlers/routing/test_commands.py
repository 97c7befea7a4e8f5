"""Commands against a real database: obeyed once, refused with a reason, answered the same again."""

import contextlib
from typing import Any

import orjson
import pytest

from services.routing.adapters.postgres.rules import PostgresRules
from services.routing.domain.rules import load_assignment_rules
from services.routing.seed import RULES_FILE, seed
from shared.handling.outcomes import Outcome, Produced, Rejected
from shared.persistence.rule_versions import NewRules, publish_version
from tests.support.routing import NOW, Desk, document, lead_id

pytestmark = pytest.mark.stack


def content_hash_of(text: str) -> str:
    return load_assignment_rules(text, file="a.yaml").content_hash


def completed(outcome: Outcome | None) -> Any:
    assert isinstance(outcome, Produced), outcome
    assert outcome.events[-1].envelope.type == "command.completed"
    return orjson.loads(outcome.events[-1].data)


def routed(outcome: Outcome | None) -> Any:
    assert isinstance(outcome, Produced), outcome
    assert outcome.events[0].envelope.type == "lead.routed"
    return orjson.loads(outcome.events[0].data)


async def test_a_member_is_set_and_gets_leads_from_the_next_batch_on(desk: Desk) -> None:
    (outcome,) = await desk.take(desk.feed.set_member("dora"))
    assert completed(outcome)["status"] == "done"
    assert completed(outcome)["result"] == {"member_id": "dora", "active": True, "queues": ["sales"]}
    await desk.take(*[desk.feed.scored(n) for n in range(8)])
    assert await desk.owners() == {"ann": 2, "ben": 2, "chris": 2, "dora": 2}


async def test_a_member_is_changed(desk: Desk) -> None:
    await desk.take(desk.feed.set_member("ben", queues=["marketing"], active=False))
    (row,) = await desk.rows("SELECT queues, active FROM members WHERE member_id = 'ben'")
    assert row == {"queues": ["marketing"], "active": False}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"member_id": "two words"}, "invalid_member_id"),
        ({"member_id": ""}, "invalid_member_id"),
        ({"member_id": "x" * 65}, "invalid_member_id"),
        ({"name": " "}, "invalid_name"),
        ({"name": "nul \u0000"}, "invalid_name"),
        ({"name": "x" * 1001}, "invalid_name"),
        ({"queues": ["sales", "elsewhere"]}, "unknown_queue"),
    ],
)
async def test_members_that_cannot_be_are_refused(desk: Desk, data: dict[str, Any], reason: str) -> None:
    wanted = {"member_id": "dora", "name": "Dora", "queues": ["sales"], "active": True, **data}
    (outcome,) = await desk.take(desk.feed.command("member.set", "dora", wanted))
    assert (completed(outcome)["status"], completed(outcome)["reason"]) == ("refused", reason)
    assert len(await desk.rows("SELECT 1 FROM members")) == 3


@pytest.mark.parametrize("subject", ["", "abc", "nul \u0000", "x" * 100_000, "\ufffd"])
async def test_a_command_whose_subject_is_no_id_stops_nobody(desk: Desk, subject: str) -> None:
    """Who writes commands straight to Kafka may name them as they like: they are answered under their events' ids."""
    good, bad = (command._replace(subject=subject) for command in (desk.feed.set_member("dora"), desk.feed.reassign(1)))
    bad = bad._replace(value=b"{")
    (obeyed, parked) = await desk.take(good, bad)
    assert completed(obeyed)["command_id"] == good.event_id
    assert isinstance(parked, Rejected)
    rows = await desk.rows("SELECT command_id::text, status FROM commands ORDER BY status DESC")
    assert rows == [
        {"command_id": good.event_id, "status": "done"},
        {"command_id": bad.event_id, "status": "dead_lettered"},
    ]
    (again,) = await desk.take(good)
    assert completed(again) == completed(obeyed)


async def test_a_lead_is_given_to_another_owner_and_to_a_queue(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1))
    (owner,) = await desk.take(desk.feed.reassign(1, owner="chris"))
    assert completed(owner)["result"] == {
        "lead_id": lead_id(1), "owner": "chris", "queue": None, "assignment_version": 2,
    }  # fmt: skip
    data = routed(owner)
    assert (data["assignment_version"], data["assignment"]["owner"]) == (2, "chris")
    assert (data["assignment"]["strategy"], data["assignment"]["rule"]) == ("manual", "manual")
    assert data["assignment"]["reason"] == "asked for"
    (queue,) = await desk.take(desk.feed.reassign(1, queue="enterprise"))
    assert (routed(queue)["assignment"]["queue"], routed(queue)["assignment"]["owner"]) == ("enterprise", None)
    row = await desk.assignment(1)
    assert (row["owner"], row["queue"], row["assignment_version"]) == (None, "enterprise", 3)
    (kept,) = await desk.take(desk.feed.scored(1, score_version=2))
    assert routed(kept)["assignment"]["queue"] == "enterprise"
    await desk.take(desk.feed.scored(2))
    assert (await desk.assignment(2))["owner"] == "ben"  # giving by hand moves no rotation


async def test_a_reassignment_again_gives_the_first_answer_and_the_newest_state(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1))
    command = desk.feed.reassign(1, owner="chris")
    (first,) = await desk.take(command)
    await desk.take(desk.feed.reassign(1, owner="ben"))
    (again,) = await desk.take(command)
    assert isinstance(first, Produced) and isinstance(again, Produced)
    assert [event.envelope for event in again.events] == [event.envelope for event in first.events]
    assert completed(again) == completed(first)
    assert routed(again)["assignment"]["owner"] == "ben"
    assert (await desk.assignment(1))["assignment_version"] == 3


async def test_a_lead_that_was_merged_away_is_reassigned_as_its_winner(desk: Desk) -> None:
    await desk.take(desk.feed.scored("w"), desk.feed.scored("l"))
    await desk.take(desk.feed.merged("w", "l"))
    (outcome,) = await desk.take(desk.feed.reassign("l", owner="chris"))
    assert completed(outcome)["result"]["lead_id"] == lead_id("w")
    assert (await desk.assignment("w"))["owner"] == "chris"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"owner": "zoe"}, "unknown_member"),
        ({"owner": "ben"}, "inactive_member"),
        ({"queue": "elsewhere"}, "unknown_queue"),
        ({"queue": "nul \u0000"}, "unknown_queue"),
        ({}, "owner_or_queue"),
        ({"owner": "ann", "queue": "sales"}, "owner_or_queue"),
        ({"owner": "ann", "lead_id": lead_id("nobody")}, "unknown_lead"),
        ({"owner": "ann", "lead_id": "not an id"}, "unknown_lead"),
        ({"owner": "ann", "reason": ""}, "invalid_reason"),
        ({"owner": "ann", "reason": "nul \u0000"}, "invalid_reason"),
    ],
)
async def test_reassignments_that_cannot_be_are_refused(desk: Desk, data: dict[str, Any], reason: str) -> None:
    await desk.take(desk.feed.scored(1), desk.feed.set_member("ben", active=False))
    before = await desk.assignment(1)
    command = desk.feed.command("lead.reassign", lead_id(1), {"lead_id": lead_id(1), "reason": "asked", **data})
    (outcome,) = await desk.take(command)
    assert (completed(outcome)["status"], completed(outcome)["reason"]) == ("refused", reason)
    assert isinstance(outcome, Produced)
    assert len(outcome.events) == 1
    assert await desk.assignment(1) == before
    (again,) = await desk.take(command)
    assert completed(again) == completed(outcome)


async def test_rules_are_published_and_apply_from_the_next_batch_on(desk: Desk) -> None:
    text = document("  - id: all\n    assign: {owner: zoe}\n  - id: never\n    assign: {owner: ann}\n")
    publish = desk.feed.publish(text)
    outcomes = await desk.take(publish)
    result = completed(outcomes[0])["result"]
    assert (result["kind"], result["version"]) == ("assignment", 2)
    assert "is never reached" in result["warnings"][0]
    assert result["warnings"][1] == "zoe is no member: its leads go to the default queue"
    assert isinstance(outcomes[0], Produced)
    published = outcomes[0].events[0]
    assert (published.topic, published.key) == ("rules.published.v1", b"routing/assignment")
    assert orjson.loads(published.data)["document"] == text
    (routed_next,) = await desk.take(desk.feed.scored(2))
    assignment = routed(routed_next)["assignment"]
    assert (assignment["queue"], assignment["reason"]) == ("unassigned", "owner_unknown")
    assert (assignment["rules"]["version"], assignment["rules"]["content_hash"]) == (2, result["content_hash"])
    (again,) = await desk.take(publish)
    assert isinstance(again, Produced)
    assert again.events[0] == published
    assert completed(again) == completed(outcomes[0])
    assert len(await desk.rows("SELECT 1 FROM rule_versions")) == 2


async def test_rules_that_were_rolled_back_are_never_applied(desk: Desk) -> None:
    """Version 2 is read in a transaction that fails; another document becomes version 2."""
    rules = PostgresRules()
    for queue, kept in (("sales", False), ("marketing", True)):
        text = document(f"  - id: all\n    assign: {{queue: {queue}}}\n")
        new = NewRules("assignment", "assignment", content_hash_of(text), text, "ann", "a test")
        with contextlib.suppress(ZeroDivisionError):
            async with desk.database.transaction(NOW) as work:
                await publish_version(work, new)
                assert (await rules.read(work)).rules[0].rule.assign.queue == queue
                assert kept or 1 / 0


async def test_a_queue_that_still_holds_leads_and_is_declared_no_more_is_warned_about(desk: Desk) -> None:
    await desk.take(desk.feed.scored(1, grade="D"))
    (outcome,) = await desk.take(desk.feed.publish(document("  []", queues="sales: {}, unassigned: {}")))
    warnings = completed(outcome)["result"]["warnings"]
    assert warnings == ["the queue marketing still holds leads and is declared no more"]


@pytest.mark.parametrize(
    ("data", "reason", "said"),
    [
        ({"document": "kind: assignment\nqueues: {a: {}}\n"}, "invalid_rules", "assignment.yaml:1:1 default: expected"),
        ({"document": document("  - id: x\n    assign: {queue: no}\n")}, "invalid_rules", "assignment.yaml:6:21"),
        ({"document": "nul \u0000"}, "invalid_rules", "printable characters"),
        ({"kind": "scoring"}, "unknown_kind", "assignment"),
        ({"author": " "}, "invalid_text", "author"),
        ({"reason": "nul \u0000"}, "invalid_text", "reason"),
    ],
)
async def test_rules_that_cannot_be_are_refused_and_the_old_ones_stay(
    desk: Desk, data: dict[str, Any], reason: str, said: str
) -> None:
    wanted = {"kind": "assignment", "document": document("  []"), "author": "ann", "reason": "a test", **data}
    (outcome,) = await desk.take(desk.feed.command("rules.publish", "routing/assignment", wanted))
    assert (completed(outcome)["status"], completed(outcome)["reason"]) == ("refused", reason)
    assert said in completed(outcome)["result"]["detail"]
    assert await desk.rows("SELECT version FROM active_rules") == [{"version": 1}]
    await desk.take(desk.feed.scored(1))
    assert await desk.owners() == {"ann": 1}


async def test_a_command_that_cannot_be_read_is_completed_as_dead_lettered(desk: Desk) -> None:
    (outcome,) = await desk.take(desk.feed.command("lead.reassign", "k", {"lead_id": 7}))
    assert isinstance(outcome, Rejected)
    assert [row["status"] for row in await desk.rows("SELECT status FROM commands")] == ["dead_lettered"]


async def test_seeding_again_changes_nothing(desk: Desk) -> None:
    await desk.take(desk.feed.set_member("ann", active=False), desk.feed.publish(document("  []")))
    before = await desk.rows("SELECT * FROM members ORDER BY member_id"), await desk.rows("SELECT * FROM active_rules")
    async with desk.database.transaction(NOW) as work:
        await seed(work.db)
    after = await desk.rows("SELECT * FROM members ORDER BY member_id"), await desk.rows("SELECT * FROM active_rules")
    assert after == before
    (first,) = await desk.rows("SELECT document, author FROM rule_versions WHERE version = 1")
    assert first == {"document": RULES_FILE.read_text(), "author": "leadstream"}
