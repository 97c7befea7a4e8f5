"""Records as the handlers see them: coordinates, envelope, raw value. Decoding never raises."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from shared.contracts import ids
from shared.contracts.envelope import from_millis, header_map

UNKNOWN_TOPIC_ID: Final = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Record:
    """One consumed record. `event_id` is always set; where the source gave none it comes from the coordinates."""

    topic: str
    topic_id: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    event_id: str
    type: str
    source: str
    subject: str
    time: str
    traceparent: bytes | None = None
    fault: str | None = field(default=None, compare=False)

    @property
    def coordinates(self) -> str:
        """`topic-partition-offset`, for logs and people."""
        return f"{self.topic}-{self.partition}-{self.offset}"


def read_record(raw: Any, topic: str, topic_id: str, *, inbound: bool) -> Record:
    """A record from aiokafka's. Never raises: what cannot be read is named in `fault`.

    Inbound records may lack every header: a source that writes straight to Kafka sends `ce_source` and, if it has one,
    its own `ce_id`; the event id is then derived from both. Internal records carry our derived `ce_id`.
    """
    headers = header_map(raw.headers)
    faults: list[str] = []

    def text(name: str, default: str = "") -> str:
        value = headers.get(name)
        if value is None:
            return default
        try:
            return value.decode()
        except UnicodeDecodeError:
            faults.append("unreadable_header")
            return default

    source = text("ce_source", "unknown")
    event_id = _event_id(text("ce_id"), source, raw, topic_id, faults, inbound=inbound)
    record_type = text("ce_type", "lead.submitted" if inbound else "")
    time = _instant(text("ce_time")) or from_millis(raw.timestamp or 0)
    return Record(
        topic=topic,
        topic_id=topic_id,
        partition=raw.partition,
        offset=raw.offset,
        timestamp=raw.timestamp or 0,
        key=raw.key,
        value=raw.value,
        headers=tuple(raw.headers),
        event_id=event_id,
        type=record_type,
        source=source,
        subject=text("ce_subject"),
        time=time,
        traceparent=headers.get("traceparent"),
        fault=faults[0] if faults else None,
    )


def _event_id(ce_id: str, source: str, raw: Any, topic_id: str, faults: list[str], *, inbound: bool) -> str:
    if inbound:
        return ids.root_event_id(source, ce_id or f"{topic_id}-{raw.partition}-{raw.offset}")
    try:
        return str(UUID(ce_id))
    except ValueError:
        faults.append("no_event_id")
        return ids.root_event_id(source, f"{topic_id}-{raw.partition}-{raw.offset}")


def _instant(text: str) -> str | None:
    """The instant if it is a readable one, else None: an unreadable `ce_time` falls back to Kafka's timestamp."""
    if not text:
        return None
    if len(text) == 27 and text.endswith("Z") and text[4] == "-" and text[10] == "T":
        return text  # our own form; its digits are checked where it is compared
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return None
