"""Records as the handlers see them: coordinates, envelope, raw value. Decoding never raises."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from shared.contracts import ids
from shared.contracts.envelope import from_millis, header_map, trace_context
from shared.contracts.topics import EVENTS_INBOUND

_OUR_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", re.ASCII)


class Record(NamedTuple):
    """One consumed record. `event_id` is always set; where the source gave none it comes from the coordinates."""

    topic: str
    topic_id: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    event_id: str
    type: str
    source: str
    subject: str
    time: str
    traceparent: bytes | None = None
    fault: str | None = None

    @property
    def coordinates(self) -> str:
        """`topic-partition-offset`, for logs and people."""
        return f"{self.topic}-{self.partition}-{self.offset}"


def read_record(raw: Any, topic: str, topic_id: str, *, inbound: bool) -> Record:
    """A record from aiokafka's. Never raises: what cannot be read is named in `fault`.

    Inbound records may lack every header: a source that writes straight to Kafka sends `ce_source` and, if it has one,
    its own `ce_id`; the event id is then derived from both. Internal records carry our derived `ce_id`.
    """
    if inbound:
        return read_any_record(raw, topic, topic_id, inbound=True)
    headers = raw.headers
    try:
        # Just the headers that we write, in our order: taken apart by place in a quarter of the time.
        (a, _), (b, ce_id), (c, ce_type), (d, ce_source), (e, ce_subject), (f, ce_time), (g, _), *more = headers
        time, event_id = _our_instant(ce_time), ce_id.decode()
        trace = _only_trace(more) if more else None
        if (a, b, c, d, e, f, g) != _OURS or not ce_source or not _is_written(event_id) or trace is _OTHER:
            return read_any_record(raw, topic, topic_id, inbound=False)
        place = (topic, topic_id, raw.partition, raw.offset, raw.timestamp or 0, raw.key, raw.value, headers)
        texts = (event_id, ce_type.decode(), ce_source.decode(), ce_subject.decode(), time)
        return _new(Record, (*place, *texts, trace, None))
    except (AttributeError, TypeError, ValueError):
        return read_any_record(raw, topic, topic_id, inbound=False)


def _only_trace(more: Sequence[tuple[str, bytes | None]]) -> bytes | None:
    """The trace context, where that is all that follows."""
    name, value = more[0]
    return trace_context(value) if name == "traceparent" and len(more) == 1 else _OTHER


_new: Final = tuple.__new__
_is_written: Final = ids.WRITTEN.fullmatch
_OTHER: Final = b"other headers"
_OURS: Final = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "content-type")


@lru_cache(maxsize=256)
def _our_instant(written: bytes) -> str:
    """Events of one batch have one time. Raises ValueError for an instant that is not written as we write them."""
    text = written.decode()
    if not _OUR_INSTANT.fullmatch(text):
        raise ValueError("not our way of writing an instant")
    return text


def read_any_record(raw: Any, topic: str, topic_id: str, *, inbound: bool) -> Record:
    """What `read_record` says of any record; the plain way."""
    headers = header_map(raw.headers)
    fault = None
    try:
        texts = [headers.get(name, b"").decode() for name in _HEADERS]
    except UnicodeDecodeError:
        fault = "unreadable_header"
        texts = [headers.get(name, b"").decode(errors="replace") for name in _HEADERS]
    ce_id, record_type, source, subject, time = texts
    source = source or "unknown"
    if inbound:
        event_id = ids.root_event_id(source, ce_id or f"{topic_id}-{raw.partition}-{raw.offset}")
        record_type = record_type or ("behaviour.submitted" if topic == EVENTS_INBOUND else "lead.submitted")
    elif ids.is_id(ce_id):
        event_id = ce_id
    else:
        event_id, fault = _other_event_id(ce_id, source, raw, topic_id, fault)
    return Record(
        topic,
        topic_id,
        raw.partition,
        raw.offset,
        raw.timestamp or 0,
        raw.key,
        raw.value,
        raw.headers,
        event_id,
        record_type,
        source,
        subject,
        _instant(time, trusted=not inbound) or from_millis(raw.timestamp or 0),
        trace_context(headers.get("traceparent")),
        fault,
    )


_HEADERS: Final = ("ce_id", "ce_type", "ce_source", "ce_subject", "ce_time")


def _other_event_id(ce_id: str, source: str, raw: Any, topic_id: str, fault: str | None) -> tuple[str, str | None]:
    try:
        return str(UUID(ce_id)), fault
    except ValueError:
        return ids.root_event_id(source, f"{topic_id}-{raw.partition}-{raw.offset}"), fault or "no_event_id"


def _instant(text: str, *, trusted: bool) -> str | None:
    """The instant if it is a readable one, else None: an unreadable `ce_time` falls back to Kafka's timestamp."""
    if not text:
        return None
    if trusted and _OUR_INSTANT.fullmatch(text):
        return text
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
