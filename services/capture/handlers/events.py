"""What capture publishes, as bytes. The models in shared/contracts/events/capture.py say the same; a test compares."""

from collections.abc import Sequence
from typing import Any, Final

import orjson

from services.capture.domain.fact_shape import Layer
from services.capture.domain.joining import Finding, Merge
from services.capture.domain.person import Person
from services.capture.domain.refusal import Refused
from services.capture.domain.view import lead_view, touch_of
from services.capture.handlers.arrivals import Arrival
from services.capture.ports import StoredMerge
from shared.contracts.events.capture import (
    LeadCaptured,
    LeadChanged,
    LeadMerged,
    LeadRejected,
    LeadUnmerged,
    ReceiptSettled,
)
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
    findings: Sequence[Finding] = (),
    own: Layer | None = None,
) -> OutEvent:
    """`lead.captured`, with the lead as it stands; `lead` is its view, where it is at hand. `subject` is the lead that was
    decided on, which may have been merged into this one, then or since: the event id stays. `findings` tell of others.
    `own` is what the submission itself says: its touch goes out by itself where it is not the lead's last."""
    record, lead_id = arrival.record, person.lead_id
    data: dict[str, Any] = {
        "outcome": outcome,
        "matched_by": matched_by,
        "lead": lead or lead_view(person.facts, lead_id),
        "lead_version": person.version,
        "origin": arrival.origin(),
    }
    if own is not None and own.stamp.record_id != data["lead"]["last_touch"]["record_id"]:
        data["touch"] = touch_of(own)
    if findings:
        data["verdict"] = "review" if any(finding.pair_id for finding in findings) else "same"
        data["resembles"] = [finding._asdict() for finding in findings]
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
    if why.rule is not None:
        data |= {"rule": why.rule, "rules": dict(why.rules or {})}
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


def lead_merged(record: Record, merge: Merge | StoredMerge, winner: Person, at: str) -> OutEvent:
    """`lead.merged`, keyed by the winner; its id is the merge's. `winner` may have been merged into another since."""
    data = {
        "winner_id": merge.winner_id,
        "loser_id": merge.loser_id,
        "lead": lead_view(winner.facts, merge.winner_id),
        "lead_version": merge.version,
        "reason": merge.reason,
        "merged_at": at,
        "evidence": merge.evidence,
        "merge_id": merge.merge_id,
    }
    return STAGE.event(
        record,
        LeadMerged.TYPE,
        topic=MERGED,
        key=merge.winner_id,
        data=orjson.dumps(data),
        time=at,
        event_id=merge.merge_id,
    )


def lead_unmerged(record: Record, merge: StoredMerge, lead: Person, winner_id: str, reason: str, at: str) -> OutEvent:
    """`lead.unmerged` about one of the two leads, keyed by it: there is one for each."""
    data = {
        "winner_id": winner_id,
        "loser_id": merge.loser_id,
        "lead_version": merge.unmerged_version,
        "reason": reason,
        "unmerged_at": at,
        "merge_id": merge.merge_id,
        "lead": lead_view(lead.facts, lead.lead_id),
    }
    return STAGE.event(record, LeadUnmerged.TYPE, topic=MERGED, key=lead.lead_id, data=orjson.dumps(data), time=at)
