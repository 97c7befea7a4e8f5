"""Inbound records as the use cases see them: who sent it, what its receipt is, what its headers say."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from services.capture.domain.consent import parse_moment
from services.capture.domain.reading import fingerprint_of
from services.capture.domain.receipt import receipt_of
from shared.contracts.commands.capture import DAMAGE_HEADER
from shared.contracts.envelope import from_millis, header_map
from shared.contracts.topics import EVENTS_INBOUND, INBOUND, INBOUND_BULK
from shared.handling.records import Record

INBOUND_TOPICS: Final = frozenset({INBOUND, INBOUND_BULK})
# Every topic that sources write: what comes here has a receipt, whatever becomes of it.
FROM_OUTSIDE: Final = INBOUND_TOPICS | {EVENTS_INBOUND}
MAX_SOURCE: Final = 128

# Headers of our own on inbound records; a source that writes straight to Kafka may set them too.
RECEIPT_HEADER: Final = "ls_receipt_id"
TEST_HEADER: Final = "ls_test"
ROW_HEADER: Final = "ls_row"
# Whose bytes the value holds (services/capture/sources); absent: the JSON or form of `POST /v1/leads`.
FORMAT_HEADER: Final = "ls_format"
# The form that a submission without an id of its own came by: the same again within a while is a double submit.
FORM_HEADER: Final = "ls_form"
# When the source says that it happened, where our own time of receipt is in `ce_time`.
OCCURRED_HEADER: Final = "ls_occurred_at"
# Of behaviour that a browser sent itself.
AGENT_HEADER: Final = "ls_user_agent"
ADDRESS_HEADER: Final = "ls_client_ip"
# Set by the edge on what anybody may send: it is looked at for spam. Holds what the edge itself noticed, with commas.
GUARD_HEADER: Final = "ls_guard"

QUARANTINED: Final = "quarantined"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_received_at = lru_cache(maxsize=4096)(from_millis)


class Arrival(NamedTuple):
    """What is known of an inbound record without reading its value. `fault` makes it a dead letter."""

    record: Record
    receipt_id: str
    source: str
    content_type: str
    damage: str
    format: str
    form: str
    is_test: bool
    row: int | None
    touched_at: str
    fault: str | None
    signals: str | None = None

    def receipt(self, field: str | None = None) -> dict[str, Any]:
        """What the receipt shows beyond the decision: kept as its detail."""
        detail = {"source": self.source, "received_ms": self.record.timestamp}
        if field is not None:
            detail["field"] = field
        if self.row is not None:
            detail["row"] = self.row
        return detail

    def sent_us(self) -> int:
        """When it was sent, microseconds since 1970: as the source says, but no later than it was received."""
        received_us = self.record.timestamp * 1000
        if not self.touched_at:
            return received_us
        said = datetime.fromisoformat(self.touched_at) - _EPOCH
        return min(received_us, said // _MICROSECOND)

    def is_listed(self) -> bool:
        """Whether it is a row of a list that somebody imported."""
        return self.row is not None or self.record.topic == INBOUND_BULK

    def origin(self) -> dict[str, Any]:
        """The submission's origin, as events carry it."""
        record = self.record
        return {
            "receipt_id": self.receipt_id,
            "source": self.source,
            "received_at": _received_at(record.timestamp),
            "inbound": {
                "topic": record.topic,
                "topic_id": record.topic_id,
                "partition": record.partition,
                "offset": record.offset,
            },
        }

    def fingerprint(self) -> int:
        """By which another body under the same event id is noticed; 0 where a provider's id alone decides: it may send a
        lead again in other words, and a backfill gives it in other bytes."""
        return 0 if self.format else fingerprint_of(self.record.value or b"")


def arrival_of(record: Record, *, secret: bytes, receipt_for: str | None = None) -> Arrival:
    """Never raises. `receipt_for` is the receipt's id where it is not the event's: of a repeated event."""
    headers = header_map(record.headers)
    source = clean_source(record.source)
    touched_at = ""
    if "ce_time" in headers and RECEIPT_HEADER not in headers:
        touched_at = parse_moment(record.time) or ""
    elif OCCURRED_HEADER in headers:
        touched_at = parse_moment(headers[OCCURRED_HEADER].decode("latin-1")) or ""
    return Arrival(
        record,
        receipt_of(receipt_for or record.event_id, secret=secret),
        source or "unknown",
        headers["content-type"].decode("latin-1") if "content-type" in headers else "",
        headers[DAMAGE_HEADER].decode("latin-1") if DAMAGE_HEADER in headers else "",
        headers[FORMAT_HEADER].decode("latin-1") if FORMAT_HEADER in headers else "",
        headers[FORM_HEADER].decode("utf-8", "replace") if FORM_HEADER in headers else "",
        TEST_HEADER in headers and headers[TEST_HEADER] == b"1",
        _row(headers[ROW_HEADER]) if ROW_HEADER in headers else None,
        touched_at,
        record.fault or (None if source else "invalid_source"),
        headers[GUARD_HEADER].decode("latin-1") if GUARD_HEADER in headers else None,
    )


@lru_cache(maxsize=1024)
def clean_source(given: str) -> str | None:
    """A source's name, or None for one that is blank, too long, or holds control characters."""
    name = given.strip()
    return name if 0 < len(name) <= MAX_SOURCE and not _CONTROL.search(name) else None


def _row(header: bytes) -> int | None:
    return int(header) if header.isdigit() and len(header) < 10 else None
