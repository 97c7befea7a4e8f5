"""Submissions as the records that they will be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from services.capture.domain.identity import IdentityKey, hashed_key
from services.capture.domain.receipt import receipt_of
from services.capture.domain.refusal import Refused
from services.capture.handlers.arrivals import FORMAT_HEADER, OCCURRED_HEADER, RECEIPT_HEADER, TEST_HEADER
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.protocol import Element
from services.capture.sources.register import judge_element
from shared.contracts import ids
from shared.contracts.commands.capture import LEAD_SUBMITTED
from shared.contracts.envelope import Envelope, rfc3339, trace_context
from shared.messaging.raw_producer import RawRecord

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Incoming:
    """A submission, ready to be stored. `refusal` is what the consumer will say of it too."""

    event_id: str
    receipt_id: str
    record: RawRecord
    fingerprint: int
    refusal: Refused | None


def element_record(
    element: Element,
    content_type: str,
    source: ConfiguredSource,
    *,
    secret: bytes,
    at: datetime,
    region: str | None,
    more: Sequence[tuple[str, bytes]] = (),
    traceparent: str | None = None,
) -> Incoming:
    """A lead of a provider's payload: its very bytes, and headers that say whose they are. The same lead has the same id
    whether its provider sends it, sends it again, or gives it to a backfill."""
    ce_id = element.ce_id or ids.new_id()
    event_id = ids.root_event_id(source.name, ce_id)
    receipt_id = receipt_of(event_id, secret=secret)
    headers = inbound_headers(ce_id, source.name, receipt_id, rfc3339(at), content_type, traceparent)
    headers.append((FORMAT_HEADER, source.kind.encode()))
    if element.is_test:
        headers.append((TEST_HEADER, b"1"))
    if element.occurred_at:
        headers.append((OCCURRED_HEADER, element.occurred_at.encode("ascii", "ignore")))
    refusal, person = judged_by(lambda: judge_element(element.raw, content_type, source, region=region), secret)
    record = RawRecord((person or event_id).encode(), element.raw, [*headers, *more])
    return Incoming(event_id, receipt_id, record, 0, refusal)


def judged_by(judge: Callable[[], IdentityKey | Refused | None], secret: bytes) -> tuple[Refused | None, str | None]:
    """Why a submission will be refused, if so, and the key that keeps one person's submissions in order."""
    try:
        judged = judge()
    except Exception as error:  # the body is stored all the same; the consumer decides what becomes of it
        log.error("submission_unreadable", error=type(error).__name__)
        return None, None
    if isinstance(judged, Refused):
        return judged, None
    return None, hashed_key(judged, secret=secret) if judged is not None else None


def inbound_headers(
    ce_id: str,
    source: str,
    receipt_id: str,
    at: str,
    content_type: str,
    traceparent: str | None,
    record_type: str = LEAD_SUBMITTED,
) -> list[tuple[str, bytes]]:
    """The headers of a record that HTTP took."""
    trace = trace_context(traceparent.encode()) if traceparent else None
    envelope = Envelope(ce_id, record_type, source, receipt_id, at, trace)
    headers = [pair for pair in envelope.headers() if pair[0] != "content-type"]
    return [*headers, ("content-type", content_type.encode()), (RECEIPT_HEADER, receipt_id.encode())]
