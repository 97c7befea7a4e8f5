"""Records that are parked: dead letters, refused submissions, what cannot be read. With all that a replay needs."""

from datetime import UTC, datetime
from typing import Final

import orjson
from uuid_utils import UUID

from services.reporting.domain.extract import Extract, plain_text
from services.reporting.domain.ledger import Place
from services.reporting.domain.parking import number_of, plain_headers, row_of
from services.reporting.domain.replays import said_by_burial
from services.reporting.domain.rows import OutcomeRow, ParkedRow, Rows
from services.reporting.handlers.replays import note_replay, packed_headers
from shared.contracts import ids
from shared.contracts.commands.replay import ReplayRecord
from shared.contracts.topics import EVENTS_INBOUND, INBOUND, INBOUND_BULK
from shared.handling.records import Record
from shared.messaging.dead_letters import REPLAY_ATTEMPT, REPLAY_OF

LEDGER_TOPICS: Final = frozenset({INBOUND, INBOUND_BULK})
DEAD_LETTERS: Final = ".dead-letters.v1"
_LAST_INSTANT: Final = 253_370_764_800_000  # the year 9999, in milliseconds


def park_dead_letter(record: Record, rows: Rows) -> None:
    """A record of a dead-letter topic. Capture's are outcomes of the ledger too."""
    row = _dead_letter_row(record)
    rows.parked.append(row)
    captures = record.topic == f"capture{DEAD_LETTERS}" and row.topic in (*LEDGER_TOPICS, EVENTS_INBOUND)
    if not captures or row.topic_id is None or row.partition is None or row.offset is None:
        pass
    elif row.topic == EVENTS_INBOUND:
        rows.fates.mark(row.topic_id, row.partition, row.offset, "dead_lettered")
    else:
        rows.outcomes.append(
            OutcomeRow(
                row.topic_id, row.partition, row.offset, row.parked_id, "dead_lettered", row.reason, None, None,
                row.parked_at,
            )
        )  # fmt: skip
    if record.type == ReplayRecord.TYPE:
        note_replay(record, said_by_burial(row.reason), row.parked_at, rows)


def parked_row(
    record: Record, kind: str, reason: str, place: str | None = None, *, parts: Extract | None = None
) -> ParkedRow:
    """A record of an ordinary topic that is parked: refused, unreadable, or reporting's own dead letter."""
    origin = parts.settlement.place if parts is not None and parts.settlement is not None else None
    return ParkedRow(
        _parked_id(record) if origin is None else _refused_id(origin),
        kind,
        "capture" if kind == "rejected" else "reporting",
        reason,
        place,
        (parts.source if parts is not None else None) or plain_text(record.source),
        (parts.refused.topic if parts is not None and parts.refused is not None else None) or record.topic,
        origin.topic_id if origin else record.topic_id,
        origin.partition if origin else record.partition,
        origin.offset if origin else record.offset,
        record.event_id,
        None,
        orjson.dumps(plain_headers(record.headers)).decode(),
        instant_of(record),
        None if parts else record.key,
        None if parts else record.value,
        None if parts else packed_headers(record.headers),
        row_of(parts.facts.get("row")) if parts is not None else None,
    )


def _dead_letter_row(record: Record) -> ParkedRow:
    headers = plain_headers(record.headers)
    return ParkedRow(
        _parked_id(record),
        "dead_letter",
        record.topic.removesuffix(DEAD_LETTERS),
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
        instant_of(record),
        record.key,
        record.value,
        packed_headers(record.headers),
        row_of(dict(record.headers).get("ls_row")),
        _uuid(headers.get(REPLAY_OF)),
        number_of(headers, REPLAY_ATTEMPT, 2**31),
    )


def _refused_id(origin: Place) -> str:
    """A submission that is refused again, or told of again, is the same one."""
    return ids.derive(ids.EVENTS, "refused", origin.topic_id, str(origin.partition), str(origin.offset))


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


def millis_of(record: Record) -> int:
    """Kafka's timestamp; one that no calendar holds becomes the nearest that it does."""
    return min(max(record.timestamp, 0), _LAST_INSTANT)


def instant_of(record: Record) -> datetime:
    """Kafka's timestamp as an instant."""
    return datetime.fromtimestamp(millis_of(record) / 1000, UTC)
