"""What capture publishes, as bytes. The models in shared/contracts/events/capture.py say the same; a test compares."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from services.capture.domain.people import Person
from services.capture.domain.refusal import Refused
from services.capture.domain.view import lead_view
from services.capture.handlers.arrivals import Arrival
from shared.contracts.events.capture import LeadCaptured, LeadChanged, LeadMerged, LeadRejected, ReceiptSettled
from shared.contracts.topics import CAPTURED, MERGED, RECEIPTS_SETTLED, REJECTED
from shared.handling.outcomes import OutEvent, Stage
from shared.handling.records import Record

STAGE: Final = Stage("capture")


def lead_captured(
    arrival: Arrival,
    outcome: str,
    matched_by: str | None,
    person: Person,
    at: str,
    *,
    lead: dict[str, Any] | None = None,
    subject: str = "",
) -> OutEvent:
    """`lead.captured`, with the lead as it stands; `lead` is its view, where it is at hand. `subject` is the lead that was
    decided on, where a merge has since made it another: the event id stays."""
    record, lead_id = arrival.record, person.lead_id
    data = {
        "outcome": outcome,
        "matched_by": matched_by,
        "lead": lead or lead_view(person.facts, lead_id),
        "lead_version": person.version,
        "origin": arrival.origin(),
    }
    event_id = STAGE.event_id(record, LeadCaptured.TYPE, subject or lead_id)
    return STAGE.event(
        record, LeadCaptured.TYPE, topic=CAPTURED, key=lead_id, data=orjson.dumps(data), time=at, event_id=event_id
    )


def lead_rejected(arrival: Arrival, why: Refused, at: str) -> OutEvent:
    """`lead.rejected`, under the key of the record that was refused."""
    data: dict[str, Any] = {
        "code": why.code,
        "field": why.field,
        "detail": why.detail,
        "origin": arrival.origin(),
        "row": arrival.row,
    }
    event = STAGE.event(
        arrival.record,
        LeadRejected.TYPE,
        topic=REJECTED,
        key=arrival.receipt_id,
        data=orjson.dumps(data),
        time=at,
    )
    key = arrival.record.key if arrival.record.key is not None else event.key
    return OutEvent(event.topic, key, event.envelope, event.data)


def receipt_settled(
    arrival: Arrival, outcome: str, reason: str, lead_id: str | None, at: str, *, reasons: Sequence[str] = ()
) -> OutEvent:
    """`receipt.settled`, for outcomes without an event of their own."""
    data: dict[str, Any] = {"outcome": outcome, "reason": reason, "lead_id": lead_id, "origin": arrival.origin()}
    if reasons:
        data["reasons"] = list(reasons)
    return STAGE.event(
        arrival.record,
        ReceiptSettled.TYPE,
        topic=RECEIPTS_SETTLED,
        key=arrival.receipt_id,
        data=orjson.dumps(data),
        time=at,
    )


def lead_changed(
    record: Record, person: Person, change: str, *, reason: str, author: str, details: dict[str, Any], at: str
) -> OutEvent:
    """`lead.changed`, with the lead as it stands."""
    data = {
        "change": change,
        "reason": reason,
        "author": author,
        "details": details,
        "changed_at": at,
        "lead": lead_view(person.facts, person.lead_id),
        "lead_version": person.version,
    }
    return STAGE.event(
        record, LeadChanged.TYPE, topic=CAPTURED, key=person.lead_id, data=orjson.dumps(data), time=at,
    )  # fmt: skip


def lead_merged(record: Record, winner: Person, winner_id: str, loser_id: str, reason: str, at: str) -> OutEvent:
    """`lead.merged`, keyed by the winner."""
    data = {
        "winner_id": winner.lead_id,
        "loser_id": loser_id,
        "lead": lead_view(winner.facts, winner.lead_id),
        "lead_version": winner.version,
        "reason": reason,
        "merged_at": at,
        "evidence": {},
    }
    event_id = STAGE.event_id(record, LeadMerged.TYPE, winner_id, loser_id)
    return STAGE.event(
        record,
        LeadMerged.TYPE,
        topic=MERGED,
        key=winner.lead_id,
        data=orjson.dumps(data),
        time=at,
        event_id=event_id,
    )
