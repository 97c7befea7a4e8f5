"""A submission that carries a visitor's id says who the visitor is: an event of behaviour, which the lane of behaviour
judges as it does every other. Leads without the field pay for one look at their bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from services.capture.domain.behaviour.identifying import digest_of_visitor
from services.capture.domain.behaviour.reading import MAX_ID, instant_of
from services.capture.domain.identity import keyed_hash
from services.capture.domain.reading import document_of_value
from services.capture.domain.refusal import Refused
from services.capture.handlers.arrivals import INBOUND_TOPICS, Arrival, arrival_of
from services.capture.handlers.capture_leads import CaptureLeads
from services.capture.handlers.events import STAGE
from shared.contracts import ids
from shared.contracts.envelope import Envelope
from shared.contracts.events.behaviour import BehaviourSubmitted
from shared.contracts.topics import EVENTS_INBOUND
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced
from shared.handling.records import Record
from shared.handling.work import Work

VISITOR: Final = "visitor_id"
_NAMED: Final = VISITOR.encode()
_KIND: Final = "visitor.identified"


@dataclass(frozen=True, slots=True)
class CaptureAndIdentify:
    """The use case of `lead.submitted`: `CaptureLeads`, and who its visitors are."""

    capture: CaptureLeads

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """See shared.messaging.subscription.UseCase. A redelivery tells the same again, under the same id."""
        outcomes = await self.capture(items, work)
        secret = self.capture.secret
        return [
            with_visitor(item.record, outcome, secret) if _NAMED in (item.record.value or b"") else outcome
            for item, outcome in zip(items, outcomes, strict=True)
        ]


def with_visitor(record: Record, outcome: Outcome, secret: bytes) -> Outcome:
    """The outcome of a submission with the event that says who its visitor is, where it became a lead and names one."""
    if not isinstance(outcome, Produced) or outcome.subject is None or record.topic not in INBOUND_TOPICS:
        return outcome
    arrival = arrival_of(record, secret=secret)
    visitor_id = _visitor_of(arrival)
    digest = visitor_id and digest_of_visitor(arrival.source, visitor_id)
    if not visitor_id or not digest:
        return outcome
    event = _identified(arrival, visitor_id, outcome.subject, keyed_hash(digest, secret=secret))
    return outcome._replace(events=(*outcome.events, event))


def _visitor_of(arrival: Arrival) -> str | None:
    """The visitor's id that a submission of our own format carries."""
    if arrival.format:
        return None
    document = document_of_value(arrival.record.value or b"", arrival.content_type, arrival.damage)
    given = None if isinstance(document, Refused) else document.get(VISITOR)
    return given if isinstance(given, str) and len(given) <= MAX_ID else None


def _identified(arrival: Arrival, visitor_id: str, lead_id: str, key: str) -> OutEvent:
    record, at = arrival.record, instant_of(arrival.sent_us())
    event_id = ids.derived_event_id(STAGE.name, record.event_id, BehaviourSubmitted.TYPE, VISITOR)
    data = {"kind": _KIND, "at": at, VISITOR: visitor_id, "lead_id": lead_id}
    envelope = Envelope(event_id, BehaviourSubmitted.TYPE, arrival.source, event_id, at, record.traceparent)
    return OutEvent(EVENTS_INBOUND, key.encode(), envelope, orjson.dumps(data))
