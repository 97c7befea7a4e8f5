"""CloudEvents 1.0 in Kafka's binary mode: the envelope is headers, the value is the event's JSON."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

SPEC_VERSION: Final = b"1.0"
JSON: Final = b"application/json"

_TRACE_CONTEXT: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")

Headers: TypeAlias = list[tuple[str, bytes]]


_SPEC_VERSION: Final = ("ce_specversion", SPEC_VERSION)
_CONTENT_TYPE: Final = ("content-type", JSON)


@lru_cache(maxsize=256)
def _headers_of_many(event_type: str, source: str, time: str) -> Headers:
    """The headers that all events of one type in a batch have in common."""
    return [("ce_type", event_type.encode()), ("ce_source", source.encode()), ("ce_time", time.encode())]


class Envelope(NamedTuple):
    """What is known of an event without reading its value.

    `event_id` is the derived id (`ce_id`), `time` an RFC 3339 instant in UTC with microseconds at most, and
    `traceparent` the W3C trace context, carried along unchanged where nobody traces.
    """

    event_id: str
    type: str
    source: str
    subject: str
    time: str
    traceparent: bytes | None = None

    def headers(self) -> Headers:
        """The record headers that carry this envelope."""
        event_id, event_type, source, subject, time, traceparent = self
        ce_type, ce_source, ce_time = _headers_of_many(event_type, source, time)
        ce_id, ce_subject = ("ce_id", event_id.encode()), ("ce_subject", subject.encode())
        headers = [_SPEC_VERSION, ce_id, ce_type, ce_source, ce_subject, ce_time, _CONTENT_TYPE]
        if traceparent is not None:
            headers.append(("traceparent", traceparent))
        return headers


def header_map(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, bytes]:
    """Headers as a mapping; a header that is null is left out, a repeated one counts once, the first."""
    found = dict(headers)
    if len(found) == len(headers) and None not in found.values():
        return found  # type: ignore[return-value]
    first: dict[str, bytes] = {}
    for name, value in headers:
        if value is not None:
            first.setdefault(name, value)
    return first


def trace_context(given: bytes | None) -> bytes | None:
    """A W3C `traceparent`, or None for what is none: it is carried along on every event that follows."""
    return given if given is not None and _TRACE_CONTEXT.fullmatch(given) else None


def rfc3339(instant: datetime) -> str:
    """An instant as the contracts write it: UTC, with a `Z`. A zone-less instant is taken as UTC."""
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_millis(milliseconds: int) -> str:
    """A Kafka timestamp (milliseconds since 1970) as an RFC 3339 instant."""
    return rfc3339(datetime.fromtimestamp(max(milliseconds, 0) / 1000, tz=UTC))
