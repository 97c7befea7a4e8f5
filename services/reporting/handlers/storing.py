"""Store what every topic carries: ledger, event store, stages, dead letters. One pass, then one statement a table."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import orjson
from uuid_utils import UUID

from services.reporting.domain.extract import UNREADABLE, Extract, plain_text, read_event, without_nul
from services.reporting.domain.parking import number_of, plain_headers
from services.reporting.domain.rows import EventRow, InboundRow, OutcomeRow, ParkedRow, PersonalRow, Rows
from services.reporting.ports import EventStore
from shared.contracts import ids
from shared.contracts.topics import EVENTS_INBOUND, INBOUND, INBOUND_BULK
from shared.handling.outcomes import InHand, Outcome, Produced, Rejected
from shared.handling.records import Record
from shared.handling.work import Work

LEDGER_TOPICS: Final = frozenset({INBOUND, INBOUND_BULK})
_DEAD_LETTERS: Final = ".dead-letters.v1"
_STORED: Final = Produced("stored")
_LAST_INSTANT: Final = 253_370_764_800_000  # the year 9999, in milliseconds
_ZERO_PARTS: Final = Extract({})

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
            rows.parked.append(_parked(record, "dead_letter", why.reason, why.place or None))
        await store.save(work, rows)

    return park


def sort_out(record: Record, rows: Rows) -> None:
    """Put a record into the rows of the tables that it belongs to. Never raises."""
    topic = record.topic
    if topic in LEDGER_TOPICS:
        rows.inbound.append(
            InboundRow(
                record.topic_id, record.partition, record.offset, topic, record.event_id,
                plain_text(record.source), _millis(record),
            )
        )  # fmt: skip
    elif topic.endswith(_DEAD_LETTERS):
        _dead_letter(record, rows)
    elif topic == EVENTS_INBOUND:
        _keep(record, _ZERO_PARTS, "{}", None, rows)
    else:
        _event(record, rows)


def _event(record: Record, rows: Rows) -> None:
    if not record.value or not record.type:
        rows.parked.append(_parked(record, "unreadable", "no_type" if record.value else "empty_value"))
        return
    try:
        parts = read_event(record.type, orjson.loads(record.value))
        facts = _json(parts.facts)
        personal = _json(parts.personal) if parts.personal else None
    except UNREADABLE:
        rows.parked.append(_parked(record, "unreadable", record.fault or "invalid_contract"))
        return
    _keep(record, parts, facts, personal, rows)
    if parts.refused is not None:
        rows.parked.append(_parked(record, "rejected", *parts.refused, parts=parts))


def _json(value: object) -> str:
    """JSON that Postgres can also take apart: it holds no NUL, not even an escaped one."""
    text = orjson.dumps(value).decode()
    return text if "\\u0000" not in text else orjson.dumps(without_nul(value)).decode()


def _keep(record: Record, parts: Extract, facts: str, personal: str | None, rows: Rows) -> None:
    received, occurred_at = _millis(record), _occurred(record)
    lead_id = parts.lead_id
    rows.events.append(
        EventRow(
            record.topic_id, record.partition, record.offset, received, record.event_id, record.topic,
            plain_text(record.type), occurred_at, parts.source, lead_id, facts,
        )
    )  # fmt: skip
    if personal is not None and lead_id is not None:
        rows.personal.append(PersonalRow(record.topic_id, record.partition, record.offset, received, lead_id, personal))
    if lead_id is not None:
        for stage in parts.stages:
            rows.reached(lead_id, stage, occurred_at, parts.source or "unknown")
    if parts.alias is not None:
        rows.merged(*parts.alias)
    if (said := parts.settlement) is not None:
        place = said.place
        rows.outcomes.append(
            OutcomeRow(
                place.topic_id, place.partition, place.offset, record.event_id, said.outcome, said.reason,
                said.lead_id, said.receipt_id, occurred_at,
            )
        )  # fmt: skip


def _dead_letter(record: Record, rows: Rows) -> None:
    row = _dead_letter_row(record)
    rows.parked.append(row)
    captures = record.topic == f"capture{_DEAD_LETTERS}" and row.topic in LEDGER_TOPICS
    if captures and row.topic_id is not None and row.partition is not None and row.offset is not None:
        rows.outcomes.append(
            OutcomeRow(
                row.topic_id, row.partition, row.offset, row.parked_id, "dead_lettered", row.reason, None, None,
                row.parked_at,
            )
        )  # fmt: skip


def _dead_letter_row(record: Record) -> ParkedRow:
    headers = plain_headers(record.headers)
    return ParkedRow(
        _parked_id(record),
        "dead_letter",
        record.topic.removesuffix(_DEAD_LETTERS),
        plain_text(headers.get("dlq-reason") or "unknown"),
        plain_text(headers["dlq-place"]) if headers.get("dlq-place") else None,
        plain_text(headers.get("dlq-source") or record.source),
        plain_text(headers.get("dlq-original-topic") or record.topic),
        _uuid(headers.get("dlq-original-topic-id")),
        number_of(headers, "dlq-original-partition", 2**31),
        number_of(headers, "dlq-original-offset", 2**63),
        _uuid(headers.get("dlq-event-id")) or record.event_id,
        _lead_of(record, headers.get("dlq-original-topic", "")),
        orjson.dumps(headers).decode(),
        _instant(record),
        record.key,
        record.value,
    )


def _parked(
    record: Record, kind: str, reason: str, place: str | None = None, *, parts: Extract | None = None
) -> ParkedRow:
    """A record of an ordinary topic that is parked: refused, unreadable, or reporting's own dead letter."""
    origin = parts.settlement.place if parts is not None and parts.settlement is not None else None
    return ParkedRow(
        _parked_id(record),
        kind,
        "capture" if kind == "rejected" else "reporting",
        reason,
        place,
        (parts.source if parts is not None else None) or plain_text(record.source),
        record.topic,
        origin.topic_id if origin else record.topic_id,
        origin.partition if origin else record.partition,
        origin.offset if origin else record.offset,
        record.event_id,
        None,
        orjson.dumps(plain_headers(record.headers)).decode(),
        _instant(record),
        None if parts else record.key,
        None if parts else record.value,
    )


def _parked_id(record: Record) -> str:
    return ids.derive(ids.EVENTS, "parked", record.topic_id, str(record.partition), str(record.offset))


def _lead_of(record: Record, topic: str) -> str | None:
    """The lead that a dead letter of a lead-keyed topic is about."""
    if not topic.startswith("leads.") or topic in LEDGER_TOPICS or record.key is None:
        return None
    return _uuid(record.key.decode(errors="replace"))


def _uuid(text: str | None) -> str | None:
    if text is None or len(text) != 36:
        return None
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _millis(record: Record) -> int:
    """Kafka's timestamp; one that no calendar holds becomes the nearest that it does."""
    return min(max(record.timestamp, 0), _LAST_INSTANT)


def _instant(record: Record) -> datetime:
    return datetime.fromtimestamp(_millis(record) / 1000, UTC)


def _occurred(record: Record) -> datetime:
    """When the event says that it happened; Kafka's timestamp where that cannot be read or believed. The driver
    takes the first and the last instant of all for minus and plus infinity."""
    try:
        found = datetime.fromisoformat(record.time)
    except ValueError:
        return _instant(record)
    if not 1970 <= found.year < 9999:
        return _instant(record)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
