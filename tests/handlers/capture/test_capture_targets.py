"""Targets: noted when they are listed, forgotten when they respond, expired in time; marks on leads."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from shared.contracts import ids
from shared.contracts.commands.capture import EraseLead
from shared.contracts.envelope import header_map
from shared.contracts.events.capture import LeadChanged
from shared.contracts.events.platform import CommandCompleted
from shared.contracts.topics import CAPTURE_COMMANDS, CAPTURED
from shared.handling.outcomes import Produced, Skipped
from shared.handling.records import Record
from shared.messaging.raw_producer import RawRecord
from shared.messaging.settling import Settled
from shared.runtime.sweeper import Sweeper
from tests.support.capture import Bench, event_of, record
from tests.support.capture_commands import erase

pytestmark = pytest.mark.stack


def target(offset: int, email: str, list_name: str = "cfos", **more: Any) -> Record:
    listed = {"name": list_name, "vendor": "Data Inc", "cost": "500 EUR"}
    return record(offset, {"email": email, "state": "target", "list": listed, **more})


def command(offset: int, kind: str, **data: Any) -> Record:
    subject = ids.derive(ids.COMMANDS, str(offset))
    value = {"requested_by": "ann", **data}
    return record(
        offset,
        value,
        source="api",
        topic=CAPTURE_COMMANDS,
        record_type=kind,
        subject=subject,
        timestamp=1_772_400_000_000,
    )


def completed(settled: Settled) -> CommandCompleted:
    return CommandCompleted.model_validate_json(settled.outcome.events[-1].data)  # type: ignore[union-attr]


def change_of(settled: Settled) -> LeadChanged:
    event = settled.outcome.events[0]  # type: ignore[union-attr]
    assert event.topic == CAPTURED
    return LeadChanged.model_validate_json(event.data)


async def listed(bench: Bench) -> list[str]:
    return [row["lead_id"] for row in await bench.fetch("SELECT lead_id::text FROM targets ORDER BY lead_id")]


async def due_commands(bench: Bench, first_offset: int) -> list[Record]:
    """What the sweeper would send now, as records."""
    sent: list[RawRecord] = []

    async def send(_topic: str, records: Any) -> None:
        sent.extend(records)

    await Sweeper("capture", bench.database, send, lambda: bench.now).sweep()
    made = []
    for place, one in enumerate(sent):
        head = {name: value.decode() for name, value in header_map(one.headers).items()}
        base = record(
            first_offset + place,
            one.value,
            topic=CAPTURE_COMMANDS,
            record_type=head["ce_type"],
            subject=head["ce_subject"],
            timestamp=1_900_000_000_000,
        )
        made.append(base._replace(event_id=head["ce_id"]))
    return made


async def test_a_listed_person_is_a_target_until_it_responds(bench: Bench) -> None:
    (first,) = await bench.settle(target(0, "ann@example.com"))
    lead = event_of(first)["lead"]
    assert lead["state"] == "target" and await listed(bench) == [lead["lead_id"]]
    (again,) = await bench.settle(target(1, "ann@example.com", "ctos"))
    assert event_of(again)["lead"]["state"] == "target"
    (responded,) = await bench.settle(record(2, {"email": "ann@example.com", "message": "Call me"}))
    assert "state" not in event_of(responded)["lead"] and await listed(bench) == []
    (relisted,) = await bench.settle(target(3, "ann@example.com"))
    assert "state" not in event_of(relisted)["lead"] and await listed(bench) == []


async def test_a_lead_that_a_list_names_and_one_that_responds_in_the_same_batch_are_leads(bench: Bench) -> None:
    await bench.settle(record(0, {"email": "ann@example.com"}))
    await bench.settle(
        target(1, "ann@example.com"),
        target(2, "bob@example.com"),
        record(3, {"email": "bob@example.com", "message": "Hello"}),
    )
    assert await listed(bench) == []


async def test_targets_that_do_not_respond_in_time_expire_and_those_that_do_stay(bench: Bench) -> None:
    first, second, third = await bench.settle(
        target(0, "ann@example.com"), target(1, "bob@example.com"), target(2, "cem@example.com", "ctos")
    )
    ann, bob, cem = (event_of(one)["lead"]["lead_id"] for one in (first, second, third))
    await bench.settle(command(5, "target_list.set", list_name="cfos", ttl_days=30, then="follow_up", campaign="q2"))
    await bench.settle(record(6, {"email": "bob@example.com", "message": "Call me"}))
    bench.now += timedelta(days=29)
    assert await due_commands(bench, 10) == []
    bench.now += timedelta(days=2)
    (due,) = await due_commands(bench, 10)
    (settled,) = await bench.settle(due)
    (event,) = settled.outcome.events  # type: ignore[union-attr]
    changed = LeadChanged.model_validate_json(event.data)
    assert (changed.change, changed.lead.lead_id, changed.lead.state) == ("expired", ann, "expired")
    assert changed.details == {"list": "cfos", "then": "follow_up", "campaign": "q2"}
    assert changed.lead_version == 2 and bob != ann
    assert await listed(bench) == [cem]
    (repeated,) = await bench.settle(due)
    assert [e.envelope.event_id for e in repeated.outcome.events] == [event.envelope.event_id]  # type: ignore[union-attr]


async def test_an_expired_target_that_responds_after_all_is_a_lead(bench: Bench) -> None:
    await bench.settle(target(0, "ann@example.com"))
    bench.now += timedelta(days=181)
    await bench.settle(*await due_commands(bench, 10))
    (responded,) = await bench.settle(record(20, {"email": "ann@example.com", "message": "Here I am"}))
    assert "state" not in event_of(responded)["lead"]


async def test_a_purge_goes_the_way_of_every_erasure(bench: Bench) -> None:
    await bench.settle(command(0, "target_list.set", list_name="", ttl_days=10, then="purge"))
    (first,) = await bench.settle(target(1, "ann@example.com"))
    bench.now += timedelta(days=11)
    (settled,) = await bench.settle(*await due_commands(bench, 10))
    _, erasure = settled.outcome.events  # type: ignore[union-attr]
    assert (erasure.topic, erasure.envelope.type) == (CAPTURE_COMMANDS, EraseLead.TYPE)
    wanted = EraseLead.model_validate_json(erasure.data)
    assert (wanted.lead_id, wanted.reason) == (event_of(first)["lead"]["lead_id"], "retention")
    (erased,) = await bench.settle(erase(30, wanted.lead_id, reason="retention"))
    assert completed(erased).status == "done"


async def test_a_shorter_time_holds_for_those_that_are_there_too(bench: Bench) -> None:
    await bench.settle(target(0, "ann@example.com"))
    bench.now += timedelta(days=8)
    assert await due_commands(bench, 10) == []
    await bench.settle(command(1, "target_list.set", list_name="cfos", ttl_days=7, then="expire"))
    (due,) = await due_commands(bench, 10)
    (settled,) = await bench.settle(due)
    assert isinstance(settled.outcome, Produced) and len(settled.outcome.events) == 1


async def test_a_shorter_time_holds_for_a_list_that_had_a_timer_and_nobody_left(bench: Bench) -> None:
    await bench.settle(target(0, "ann@example.com"))
    await bench.settle(record(1, {"email": "ann@example.com", "message": "Call me"}))
    await bench.settle(command(2, "target_list.set", list_name="cfos", ttl_days=7, then="expire"))
    (captured,) = await bench.settle(target(3, "bob@example.com"))
    bench.now += timedelta(days=8)
    (settled,) = await bench.settle(*await due_commands(bench, 10))
    assert settled.outcome.detail["leads"] == [event_of(captured)["lead"]["lead_id"]]  # type: ignore[union-attr,index]


async def test_a_timer_that_was_moved_meanwhile_expires_nobody(bench: Bench) -> None:
    await bench.settle(target(0, "ann@example.com"))
    bench.now += timedelta(days=181)
    (due,) = await due_commands(bench, 10)
    await bench.settle(command(1, "target_list.set", list_name="cfos", ttl_days=365, then="expire"))
    (settled,) = await bench.settle(due)
    assert settled.outcome == Skipped("timer_not_live") and len(await listed(bench)) == 1


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"ttl_days": -1}, "invalid_ttl"),
        ({"then": "shred"}, "invalid_action"),
        ({"then": "follow_up"}, "invalid_campaign"),
        ({"list_name": "a\x00b"}, "invalid_list"),
    ],
)
async def test_a_setting_that_makes_no_sense_is_refused(bench: Bench, more: dict[str, Any], reason: str) -> None:
    wanted = {"list_name": "cfos", "ttl_days": 5, "then": "expire", **more}
    (settled,) = await bench.settle(command(0, "target_list.set", **wanted))
    assert completed(settled).reason == reason


async def test_a_bounce_is_published_with_the_next_version_and_again_on_a_redelivery(bench: Bench) -> None:
    (captured,) = await bench.settle(record(0, {"email": "ann@example.com"}))
    lead_id = event_of(captured)["lead"]["lead_id"]
    mark = command(1, "lead.mark", lead_id=lead_id, mark="bounced", reason="mailer daemon")
    (first,) = await bench.settle(mark)
    changed = change_of(first)
    assert (changed.change, changed.lead_version, changed.author) == ("contactability", 2, "ann")
    assert changed.lead.contactable.email is False and changed.lead.contactable.any is False
    assert completed(first).result["contactable"]["reasons"] == {"email": "bounced"}
    (again,) = await bench.settle(mark)
    assert change_of(again) == changed
    assert again.outcome.events == first.outcome.events  # type: ignore[union-attr]


async def test_a_promoted_target_is_no_target_any_more(bench: Bench) -> None:
    (captured,) = await bench.settle(target(0, "ann@example.com"))
    lead_id = event_of(captured)["lead"]["lead_id"]
    (settled,) = await bench.settle(command(1, "lead.promote", lead_id=lead_id, reason="called us"))
    assert change_of(settled).lead.state == "lead" and await listed(bench) == []


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        ("lead.mark", {"mark": "odd"}, "invalid_mark"),
        ("lead.mark", {"mark": "bounced", "channel": "phone"}, "invalid_channel"),
        ("lead.mark", {"mark": "opted_out", "channel": "fax"}, "invalid_channel"),
        ("lead.mark", {"mark": "bounced", "reason": " "}, "invalid_reason"),
        ("lead.mark", {"mark": "bounced", "lead_id": "7"}, "unknown_lead"),
        ("lead.promote", {"lead_id": ids.new_id()}, "unknown_lead"),
    ],
)
async def test_what_cannot_be_said_of_a_lead_is_refused(
    bench: Bench, kind: str, data: dict[str, Any], reason: str
) -> None:
    (captured,) = await bench.settle(record(0, {"email": "ann@example.com"}))
    wanted = {"lead_id": event_of(captured)["lead"]["lead_id"], "reason": "said so", **data}
    (settled,) = await bench.settle(command(1, kind, **wanted))
    assert completed(settled).reason == reason


async def test_an_erased_person_is_marked_no_more_and_no_target(bench: Bench) -> None:
    (captured,) = await bench.settle(target(0, "ann@example.com"))
    lead_id = event_of(captured)["lead"]["lead_id"]
    await bench.settle(command(1, "lead.mark", lead_id=lead_id, mark="bounced", reason="mailer daemon"))
    await bench.settle(erase(2, lead_id))
    assert await listed(bench) == []
    rows = await bench.fetch("SELECT facts FROM leads")
    assert b"ann@" not in orjson.dumps([row["facts"] for row in rows])
    (settled,) = await bench.settle(command(3, "lead.mark", lead_id=lead_id, mark="bounced", reason="mailer daemon"))
    assert completed(settled).reason == "lead_erased"
    (relisted,) = await bench.settle(target(4, "ann@example.com"))
    assert relisted.outcome.reason == "erased_before"  # type: ignore[union-attr]
