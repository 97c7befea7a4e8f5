"""Store what every topic carries: ledger, event store, stages, dead letters. One pass, then one statement a table."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import orjson

from services.reporting.domain.extract import UNREADABLE, Extract, plain_text, read_event, without_nul
from services.reporting.domain.glance import LOOKS, glance
from services.reporting.domain.ledger import OUTCOMES, Settlement
from services.reporting.domain.lists import list_of_record, listing_said
from services.reporting.domain.rows import EventRow, Kept, OutcomeRow, PersonalRow, Received, Rows
from services.reporting.handlers.behaviour import note_behaviour, note_correction, note_fate
from services.reporting.handlers.parking import (
    DEAD_LETTERS,
    LEDGER_TOPICS,
    instant_of,
    millis_of,
    park_dead_letter,
    parked_row,
)
from services.reporting.handlers.replays import note_replay
from services.reporting.ports import EventStore
from shared.contracts.topics import (
    CAPTURED,
    CHANGED,
    CONVERTED,
    EVENTS_INBOUND,
    INBOUND_BULK,
    LEAD_EVENTS,
    MERGED,
    ROUTED,
    SCORED,
)
from shared.handling.outcomes import InHand, Outcome, Produced, Rejected
from shared.handling.records import Record
from shared.handling.work import Work

BUNDLED: Final = frozenset({CAPTURED, MERGED, SCORED, ROUTED, CONVERTED, CHANGED, LEAD_EVENTS})
_FATE: Final = "behaviour.settled"
_CORRECTED: Final = "behaviour.corrected"
_LISTING: Final = ("lead.changed", "lead.merged")
_STORED: Final = Produced("stored")
_DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

StoreEvents = Callable[[Sequence[InHand], Work], Awaitable[Sequence[Outcome]]]


def store_events(store: EventStore) -> StoreEvents:
    """The use case that stores every record, readable or not. It never refuses one."""

    async def store_all(items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        rows = Rows()
        for item in items:
            sort_out(item.record, rows)
        await store.save(work, rows)
        return [_STORED] * len(items)

    return store_all


def park_dead_letters(store: EventStore) -> Callable[[Sequence[tuple[Record, Rejected]], Work], Awaitable[None]]:
    """Note reporting's own dead letters at once: it does not read its own dead-letter topic."""

    async def park(rejected: Sequence[tuple[Record, Rejected]], work: Work) -> None:
        rows = Rows()
        for record, why in rejected:
            rows.parked.append(parked_row(record, "dead_letter", why.reason, why.place or None))
        await store.save(work, rows)

    return park


def is_readable(record: Record) -> bool:
    """Whether a record that was once stored as it came would now be understood."""
    rows = Rows()
    sort_out(record, rows)
    return all(row.kind != "unreadable" for row in rows.parked)


def sort_out(record: Record, rows: Rows) -> None:
    """Put a record into the rows of the tables that it belongs to. Never raises."""
    topic = record.topic
    if topic in LEDGER_TOPICS:
        label = Received(plain_text(record.source), topic, millis_of(record) // _DAY_MS)
        rows.received.mark(record.topic_id, record.partition, record.offset, label)
        if (came_on := list_of_record(record.headers if topic == INBOUND_BULK else (), record.value)) is not None:
            rows.listed.mark(record.topic_id, record.partition, record.offset, came_on)
    elif topic in BUNDLED and record.type in LOOKS and record.value:
        _look(record, record.value, rows)
    elif topic.endswith(DEAD_LETTERS):
        park_dead_letter(record, rows)
    elif topic == EVENTS_INBOUND:
        label = Received(plain_text(record.source), topic, millis_of(record) // _DAY_MS)
        rows.observed.mark(record.topic_id, record.partition, record.offset, label)
    else:
        _event(record, rows)


def _look(record: Record, value: bytes, rows: Rows) -> None:
    """An event of which there are many: kept as it came, and only glanced at."""
    try:
        seen = glance(record.type, record.key, value)
    except UNREADABLE:
        rows.parked.append(parked_row(record, "unreadable", record.fault or "invalid_contract"))
        return
    if not rows.stored.mark(record.topic_id, record.partition, record.offset):
        return
    if seen.alias is not None:
        rows.merged(*seen.alias)
    at, instant = _instant_of(record.time) or _in_kafka(record)
    outcome = None
    if record.topic == LEAD_EVENTS:
        note_behaviour(record, value, seen, at, rows)
    elif seen.settlement is not None:
        outcome = _outcome(record, seen.settlement, instant)
    rows.kept.append(
        Kept(
            record.event_id, record.type, record.topic, record.partition, record.offset, at, seen.source, seen.lead_id,
            seen.value, record.topic_id, seen.stages, outcome,
        )
    )  # fmt: skip


def _outcome(record: Record, said: Settlement, at: datetime) -> OutcomeRow:
    (topic_id, partition, offset), outcome, reason, lead_id, receipt_id = said
    return OutcomeRow(topic_id, partition, offset, record.event_id, outcome, reason, lead_id, receipt_id, at)


def _event(record: Record, rows: Rows) -> None:
    if not record.value or not record.type:
        rows.parked.append(parked_row(record, "unreadable", "no_type" if record.value else "empty_value"))
        return
    try:
        parts = read_event(record.type, orjson.loads(record.value))
        facts = _json(parts.facts)
        personal = _json(parts.personal) if parts.personal else None
    except UNREADABLE:
        rows.parked.append(parked_row(record, "unreadable", record.fault or "invalid_contract"))
        return
    if record.type == _FATE:
        return note_fate(parts, rows)
    _keep(record, parts, facts, personal, rows)
    if parts.refused is not None:
        rows.parked.append(parked_row(record, "rejected", parts.refused.code, parts.refused.field, parts=parts))


def _json(value: object) -> str:
    """JSON that Postgres can also take apart: it holds no NUL, not even an escaped one."""
    text = orjson.dumps(value).decode()
    return text if "\\u0000" not in text else orjson.dumps(without_nul(value)).decode()


def _keep(record: Record, parts: Extract, facts: str, personal: str | None, rows: Rows) -> None:
    received, occurred_at = millis_of(record), _occurred(record)
    lead_id = parts.lead_id
    rows.events.append(
        EventRow(
            record.topic_id, record.partition, record.offset, received, record.event_id, record.topic,
            plain_text(record.type), occurred_at, parts.source, lead_id, facts,
        )
    )  # fmt: skip
    if personal is not None and lead_id is not None:
        rows.personal.append(PersonalRow(record.topic_id, record.partition, record.offset, received, lead_id, personal))
    if record.type in _LISTING and (said := listing_said(record.type, record.value or b"")) is not None:
        rows.listings.append(said)
    if record.type == _CORRECTED:
        note_correction(parts.facts, rows)
    if parts.alias is not None:
        rows.merged(*parts.alias)
    if parts.erased is not None:
        rows.erased.update(parts.erased)
    if parts.purged is not None:
        what, lead_ids = parts.purged
        rows.purged.update(dict.fromkeys(lead_ids, what))
    if parts.replay is not None:
        note_replay(record, parts.replay, occurred_at, rows)
    if parts.settlement is not None and parts.settlement.outcome in OUTCOMES:
        rows.settle(_outcome(record, parts.settlement, occurred_at))


def _occurred(record: Record) -> datetime:
    """When the event says that it happened; Kafka's timestamp where that cannot be read or believed."""
    found = _instant_of(record.time)
    return instant_of(record) if found is None else found[1]


def _in_kafka(record: Record) -> tuple[int, datetime]:
    return millis_of(record) * 1000, instant_of(record)


@lru_cache(maxsize=1024)
def _instant_of(text: str) -> tuple[int, datetime] | None:
    """Microseconds since 1970, and the instant. What one batch decided has one time, so it is mostly known already. The
    driver takes the first and the last instant of all for minus and plus infinity."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not 1970 <= found.year < 9999:
        return None
    found = found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    return (found - _EPOCH) // _MICROSECOND, found
