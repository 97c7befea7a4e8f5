"""What capture publishes of behaviour. The models in shared/contracts/events/behaviour.py say the same; a test compares."""

from typing import Any

import orjson

from services.capture.behaviour_ports import Kept
from services.capture.domain.behaviour.reading import instant_of
from services.capture.domain.behaviour.stitching import Found, Link
from services.capture.domain.behaviour.view import of_lead
from services.capture.handlers.arrivals import Arrival
from services.capture.handlers.events import STAGE
from shared.contracts import ids
from shared.contracts.envelope import Envelope
from shared.contracts.events.behaviour import BehaviourCorrected, BehaviourSettled, LeadBehaved
from shared.contracts.topics import LEAD_EVENTS, RECEIPTS_SETTLED
from shared.handling.outcomes import OutEvent
from shared.handling.records import Record


def lead_behaved(kept: Kept, traceparent: bytes | None = None) -> OutEvent:
    """`lead.behaved` of an event that has its lead. Its time is the event's, its id rests on the event, the lead and what
    linked them: the same whenever, and because of whatever, it goes out."""
    assert kept.lead_id is not None and kept.matched_by is not None
    link = Link(0, kept.lead_id, kept.linked_by, "visitor") if kept.linked_by else None
    data = of_lead(kept.body.encode(), Found(kept.lead_id, kept.matched_by, link))
    envelope = Envelope(
        behaved_id(kept, kept.lead_id),
        LeadBehaved.TYPE,
        STAGE.source,
        kept.lead_id,
        instant_of(kept.occurred_us),
        traceparent,
    )
    return OutEvent(LEAD_EVENTS, kept.lead_id.encode(), envelope, data)


def behaved_id(kept: Kept, lead_id: str) -> str:
    """The id of the `lead.behaved` that an inbound event leads to. Where a browser led to the lead, it rests on what said
    so: taken back and found again by something else, it is another one."""
    return ids.derived_event_id(STAGE.name, kept.event_id, LeadBehaved.TYPE, lead_id, kept.linked_by or "")


def behaviour_corrected(command: Record, kept: Kept, lead_id: str, change: str, reason: str, at: str) -> OutEvent:
    """`behaviour.corrected`: an event of this lead is seen otherwise because of a command."""
    body = orjson.loads(kept.body)
    data = {
        "lead_id": lead_id,
        "corrects": behaved_id(kept, lead_id),
        "change": change,
        "kind": body["kind"],
        "occurred_at": body["occurred_at"],
        "human_probability": body.get("human_probability"),
        "human": body.get("human", True),
        "bot_reasons": body.get("bot_reasons", []),
        "reason": reason,
        "corrected_at": at,
    }
    return STAGE.event(
        command,
        BehaviourCorrected.TYPE,
        topic=LEAD_EVENTS,
        key=lead_id,
        data=orjson.dumps(data),
        time=at,
        discriminator=kept.event_id,
    )


def behaviour_settled(arrival: Arrival, outcome: str, reason: str, at: str, field: str | None = None) -> OutEvent:
    """`behaviour.settled`, for events that have no lead."""
    data: dict[str, Any] = {"outcome": outcome, "reason": reason, "field": field, "origin": arrival.origin()}
    return STAGE.event(
        arrival.record,
        BehaviourSettled.TYPE,
        topic=RECEIPTS_SETTLED,
        key=arrival.receipt_id,
        data=orjson.dumps(data),
        time=at,
    )
