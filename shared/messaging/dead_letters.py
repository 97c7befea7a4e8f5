"""Dead letters: the record as it came, and why it could not be processed, in headers."""

from collections.abc import Sequence
from typing import Final

from shared.contracts.envelope import Headers
from shared.handling.outcomes import Rejected
from shared.handling.records import Record

MAX_HELD_BYTES: Final = 900_000

# Set on the letter of a replay that failed again: the first letter of the record, and which replay it was.
REPLAY_OF: Final = "dlq-replay-of"
REPLAY_ATTEMPT: Final = "dlq-replay-attempt"
EDITED: Final = "dlq-edited"
# Set where the value did not fit: how many bytes it had.
VALUE_BYTES: Final = "dlq-value-bytes"


def dead_letter_headers(
    record: Record, why: Rejected, group: str, service_version: str, marks: Sequence[tuple[str, str]] = ()
) -> Headers:
    """The original headers, then ours. No header of ours ever holds a value of the record's."""
    kept = [(name, value) for name, value in record.headers if value is not None and not name.startswith("dlq-")]
    ours = {
        "dlq-original-topic": record.topic,
        "dlq-original-topic-id": record.topic_id,
        "dlq-original-partition": str(record.partition),
        "dlq-original-offset": str(record.offset),
        "dlq-original-timestamp": str(record.timestamp),
        "dlq-event-id": record.event_id,
        "dlq-source": record.source,
        "dlq-group": group,
        "dlq-reason": why.reason,
        "dlq-place": why.place,
        "dlq-exception": why.exception,
        "dlq-attempts": str(why.attempts),
        "dlq-service-version": service_version,
    }
    if record.value is not None and len(record.value) > MAX_HELD_BYTES:
        ours[VALUE_BYTES] = str(len(record.value))
    return kept + [(name, value.encode()) for name, value in (*ours.items(), *marks)]


def held_value(record: Record) -> bytes | None:
    """The original value; cut where the dead-letter topic could not take it."""
    if record.value is None or len(record.value) <= MAX_HELD_BYTES:
        return record.value
    return record.value[:MAX_HELD_BYTES]


def dead_letter_partition(record: Record, partitions: int) -> int:
    """Where a dead letter goes: by its original place, so that one bad partition does not fill one of ours."""
    return (record.partition + record.offset) % partitions
