"""Events that tell of their leads: bounces and refusals mark them, responses promote targets, machines and browsers do not."""

from types import SimpleNamespace
from typing import Any

import pytest

from services.capture.handlers.arrivals import AGENT_HEADER
from shared.contracts.envelope import Envelope
from shared.contracts.events.capture import LeadChanged
from shared.contracts.topics import CAPTURE_COMMANDS, CAPTURED, COMMANDS_COMPLETED
from shared.handling.outcomes import OutEvent, Produced, Skipped
from shared.handling.records import Record, read_record
from shared.messaging.settling import Settled
from shared.persistence.timers import DueTimer
from shared.runtime.sweeper import command_of
from tests.support.behaviour import ANNS_BROWSER, did, events_of, ids_of
from tests.support.capture import RECEIVED_MS, TOPIC_ID, Bench, event_of, record
from tests.support.capture_commands import order

pytestmark = pytest.mark.stack

ANN = "ann@example.com"
_PEOPLES = {"message_id": "m-1", "user_agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0.0.0 Safari/537.36"}


async def lead(bench: Bench, offset: int, **said: Any) -> str:
    (settled,) = await bench.settle(record(offset, {"email": ANN, **said}))
    lead_id: str = event_of(settled)["lead"]["lead_id"]
    return lead_id


async def target(bench: Bench, offset: int) -> str:
    return await lead(bench, offset, state="target", list={"name": "cfos"})


def commands(*settled: Settled) -> list[OutEvent]:
    """What capture told itself."""
    return [event for one in settled for event in events_of(one) if event.topic == CAPTURE_COMMANDS]


def as_record(offset: int, event: OutEvent) -> Record:
    """A command as capture gets it."""
    envelope: Envelope = event.envelope
    base = record(offset, event.data, topic=CAPTURE_COMMANDS, record_type=envelope.type, subject=envelope.subject)
    return base._replace(event_id=envelope.event_id, source=envelope.source)


async def obeyed(bench: Bench, offset: int, *settled: Settled) -> list[LeadChanged]:
    """What the commands that these led to make of their leads."""
    told = [as_record(offset + n, event) for n, event in enumerate(commands(*settled))]
    found = [event for one in await bench.settle(*told) for event in events_of(one) if event.topic == CAPTURED]
    return [LeadChanged.model_validate_json(event.data) for event in found]


async def fired(bench: Bench) -> list[Record]:
    """The commands of the timers of clicks, whose time has come."""
    rows = await bench.fetch(
        "SELECT timer_id::text, generation, kind, subject::text, due_at, payload::text FROM timers WHERE kind = 'lead.promote'"
    )
    sent = [command_of(DueTimer._make((*tuple(row)[:5], row["payload"].encode())), "capture") for row in rows]
    return [
        read_record(
            SimpleNamespace(
                partition=0, offset=900 + n, timestamp=RECEIVED_MS, key=each.key, value=each.value, headers=each.headers
            ),
            CAPTURE_COMMANDS,
            TOPIC_ID,
            inbound=False,
        )
        for n, each in enumerate(sent)
    ]


async def changes_of(bench: Bench, records: list[Record]) -> list[LeadChanged]:
    found = [event for one in await bench.settle(*records) for event in events_of(one) if event.topic == CAPTURED]
    return [LeadChanged.model_validate_json(event.data) for event in found]


async def test_a_bounce_is_of_its_address_and_a_refusal_takes_consent_back(bench: Bench) -> None:
    lead_id = await lead(bench, 0, emails=["ann@work.example"], consent={"marketing_email": True})
    (soft, bounced) = await bench.observe(
        did(1, "mail.bounced", email=ANN, properties={"bounce_type": "Transient"}),
        did(2, "bounce", email="Ann@Example.com"),
    )
    assert commands(soft) == []
    (changed,) = await obeyed(bench, 10, bounced)
    assert (changed.lead.lead_id, changed.reason, changed.details["mark"]) == (lead_id, "mail.bounced", "bounced")
    assert changed.lead.contactable.email is None  # the other address is as good as it was
    (other, refused) = await bench.observe(
        did(3, "mail.bounced", email="ann@work.example"), did(4, "unsubscribe", lead_id=lead_id)
    )
    unreachable, opted_out = await obeyed(bench, 20, other, refused)
    assert unreachable.lead.contactable.email is False
    assert opted_out.lead.contactable.reasons["email"] == "opted_out"
    assert opted_out.lead.consent is not None and opted_out.lead.consent["marketing_email"] is False


async def test_what_is_delivered_or_replayed_again_changes_nothing_twice(bench: Bench) -> None:
    await lead(bench, 0)
    event = did(1, "mail.complained", email=ANN, ce_id="c-1")
    first, again = await bench.observe(event), await bench.observe(event)
    (replayed,) = await bench.observe(did(5, "mail.complained", email=ANN, ce_id="c-1", minute=1))
    assert ids_of(again) == ids_of(first) and len(commands(*first)) == 1
    assert commands(replayed) == []
    (changed,) = await obeyed(bench, 10, *first)
    (repeated,) = await bench.settle(as_record(20, commands(*again)[0]))
    assert repeated.outcome == Skipped("repeated_event") and changed.lead_version == 2


@pytest.mark.parametrize(
    ("kind", "properties", "promoted"),
    [
        ("mail.clicked", _PEOPLES, True),
        ("mail.replied", {}, True),
        ("form.submitted", {}, True),
        ("mail.opened", _PEOPLES, False),
        ("page.viewed", {}, False),
        ("mail.clicked", {"message_id": "m-1", "user_agent": "Mimecast/1.0"}, False),
        ("mail.clicked", {**_PEOPLES, "hidden": True}, False),
    ],
)
async def test_a_target_that_responds_is_a_lead_and_no_machine_makes_it_one(
    bench: Bench, kind: str, properties: dict[str, Any], promoted: bool
) -> None:
    lead_id = await target(bench, 0)
    settled = await bench.observe(did(1, kind, email=ANN, properties=properties))
    changes = [*await obeyed(bench, 10, *settled), *await changes_of(bench, await fired(bench))]
    assert [(each.lead.lead_id, each.change, each.lead.state) for each in changes] == (
        [(lead_id, "promoted", "lead")] if promoted else []
    )
    assert await bench.fetch("SELECT FROM targets") == ([] if promoted else [()])
    (later,) = await bench.observe(did(2, "mail.replied", email=ANN))
    assert len(commands(later)) == (0 if promoted else 1)  # a lead is not promoted


async def test_a_machines_burst_in_batches_of_one_click_promotes_nobody_and_a_persons_click_does(bench: Bench) -> None:
    lead_id = await target(bench, 0)
    for n in range(4):
        (clicked,) = await bench.observe(did(n + 1, "mail.clicked", email=ANN, minute=5 + n / 60, properties=_PEOPLES))
        assert commands(clicked) == []
    waiting = await fired(bench)
    assert len(waiting) == 3  # the fourth is known to be a machine's at once
    settled = await bench.settle(*waiting)
    assert [one.outcome.reason for one in settled if isinstance(one.outcome, Produced)] == ["machine_burst"] * 3
    assert await fired(bench) == [] and len(await bench.fetch("SELECT FROM targets")) == 1
    again = await bench.settle(*waiting)
    assert ids_of(list(again)) == ids_of(list(settled))

    another = {**_PEOPLES, "message_id": "m-2"}
    await bench.observe(did(9, "mail.clicked", email=ANN, properties=another))
    (changed,) = await changes_of(bench, await fired(bench))
    assert (changed.lead.lead_id, changed.change, changed.lead.state) == (lead_id, "promoted", "lead")


async def test_whoever_is_a_lead_is_not_promoted_again(bench: Bench) -> None:
    lead_id = await lead(bench, 0)
    command = order(1, "lead.promote", lead_id=lead_id, reason="asked for a call")
    (settled,) = await bench.settle(command)
    assert [event.topic for event in events_of(settled)] == [COMMANDS_COMPLETED]
    (again,) = await bench.settle(command)
    assert events_of(again) == events_of(settled)
    (row,) = await bench.fetch("SELECT lead_version FROM leads")
    assert row["lead_version"] == 1


async def test_a_refusal_by_mark_is_a_statement_of_consent(bench: Bench) -> None:
    lead_id = await lead(bench, 0, consent={"marketing_email": True})
    mark = order(1, "lead.mark", lead_id=lead_id, mark="opted_out", channel="email", reason="asked", requested_by="ops")
    await bench.settle(mark)
    await bench.settle(mark)
    await bench.settle(order(2, "lead.mark", lead_id=lead_id, mark="bounced", channel="email", reason="hard"))
    rows = await bench.fetch("SELECT lead_id::text, purpose, given, source FROM consents ORDER BY given DESC")
    assert [tuple(row) for row in rows] == [
        (lead_id, "marketing_email", True, "web"), (lead_id, "marketing_email", False, "ops"),
    ]  # fmt: skip


async def test_what_came_before_its_lead_tells_of_it_when_it_is_known(bench: Bench) -> None:
    """By its browser, and by a person whom no lead was known for."""
    anonymous, unknown = await bench.observe(
        did(1, "link.clicked", visitor_id=ANNS_BROWSER), did(2, "mail.opted_out", email=ANN)
    )
    assert commands(anonymous, unknown) == []
    await target(bench, 3)
    parties = [row["digest"].hex for row in await bench.fetch("SELECT digest FROM parties WHERE is_person")]
    (let_go,) = await bench.settle(
        record(4, {"parties": parties}, source="api", topic=CAPTURE_COMMANDS, record_type="behaviour.stitch")
    )
    (known,) = await bench.observe(did(5, "page.viewed", email=ANN, visitor_id=ANNS_BROWSER))
    assert [event.envelope.type for event in commands(let_go, known)] == ["lead.mark", "lead.promote"]
    opted_out, promoted = await obeyed(bench, 10, let_go, known)
    assert (opted_out.details["mark"], promoted.change) == ("opted_out", "promoted")


async def test_a_refusal_counts_from_when_it_was_received(bench: Bench) -> None:
    """The person agreed again, and confirmed it, before the event found its lead."""
    lead_id = await lead(bench, 10)
    (refused,) = await bench.observe(did(0, "mail.opted_out", email=ANN))
    confirmed = {"lead_id": lead_id, "purpose": "marketing_email", "given": True, "confirmed": True}
    await bench.settle(record(20, confirmed, source="api", topic=CAPTURE_COMMANDS, record_type="consent.record"))
    (changed,) = await obeyed(bench, 30, refused)
    assert changed.lead.consent is not None and changed.lead.consent["marketing_email"] is True


async def test_a_browser_tells_of_nobody(bench: Bench) -> None:
    await target(bench, 0)
    events = [did(1, "mail.opted_out", email=ANN), did(2, "form.submitted", email=ANN)]
    by_browser = [each._replace(headers=(*each.headers, (AGENT_HEADER, b"Mozilla/5.0"))) for each in events]
    assert commands(*await bench.observe(*by_browser)) == []


async def test_a_mark_with_a_time_that_is_none_is_refused(bench: Bench) -> None:
    lead_id = await lead(bench, 0)
    (settled,) = await bench.settle(order(1, "lead.mark", lead_id=lead_id, mark="bounced", said_at="then", reason="x"))
    assert settled.outcome is not None and settled.outcome.reason == "invalid_time"
