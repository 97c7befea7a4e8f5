"""What people do, for tests of capture: inbound records, and what they lead to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from shared.contracts.events.behaviour import BehaviourSettled, LeadBehaved
from shared.contracts.topics import EVENTS_INBOUND, LEAD_EVENTS
from shared.handling.outcomes import OutEvent, Produced
from shared.handling.records import Record
from shared.messaging.settling import Settled
from tests.support.capture import RECEIVED_MS, record

ANNS_BROWSER = "lsv_AAAAAAAAAAAAAAAAAAAAA1"
OTHER_BROWSER = "lsv_AAAAAAAAAAAAAAAAAAAAA2"


def at(minute: float) -> str:
    """An instant so many minutes before or after that of receipt of the first record."""
    moment = datetime.fromtimestamp(RECEIVED_MS / 1000, UTC) - timedelta(days=1) + timedelta(minutes=minute)
    return moment.isoformat().replace("+00:00", "Z")


def did(
    offset: int, kind: str = "page.viewed", *, ce_id: str | None = None, minute: float | None = None, **said: Any
) -> Record:
    """An inbound record of behaviour; `minute` orders what happened, whatever the order of the records."""
    value = {"kind": kind, "at": at(offset if minute is None else minute), **said}
    return record(offset, value, topic=EVENTS_INBOUND, record_type="behaviour.submitted", ce_id=ce_id, source="site")


def events_of(settled: Settled) -> tuple[OutEvent, ...]:
    """What a record leads to."""
    assert isinstance(settled.outcome, Produced), settled.outcome
    return settled.outcome.events


def behaved(*settled: Settled) -> list[LeadBehaved]:
    """What became leads' behaviour, in order."""
    events = [event for one in settled for event in events_of(one) if event.topic == LEAD_EVENTS]
    assert all(event.key.decode() == orjson.loads(event.data)["lead_id"] for event in events)
    return [LeadBehaved.model_validate_json(event.data) for event in events]


def fate(settled: Settled) -> tuple[str, str]:
    """Outcome and reason of an event that has no lead."""
    (event,) = events_of(settled)
    said = BehaviourSettled.model_validate_json(event.data)
    return said.outcome, said.reason


def ids_of(settled: list[Settled]) -> list[str]:
    """The ids of all events that go out."""
    return [event.envelope.event_id for one in settled for event in events_of(one)]
