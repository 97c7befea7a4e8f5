"""Raw first: what an authenticated source sends within the limits is in Kafka before anyone is told what it holds."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import structlog
from fastapi import Request

from services.capture.adapters.redis import IdempotencyMemory
from services.capture.api.admission import Admission
from services.capture.api.elements import Incoming, element_record, inbound_headers, judged_by
from services.capture.domain.reading import fingerprint_of, judge_value, named_source
from services.capture.domain.receipt import receipt_of
from services.capture.domain.refusal import Refused
from services.capture.handlers.arrivals import GUARD_HEADER, TEST_HEADER, clean_source
from services.capture.settings import CaptureSettings
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.protocol import Element
from shared.contracts import ids
from shared.contracts.envelope import rfc3339
from shared.contracts.topics import INBOUND
from shared.messaging.raw_producer import IntakeUnavailable, RawRecord
from shared.runtime.access import Principal
from shared.runtime.commands_api import ToSend, send_commands
from shared.runtime.problems import Problem
from shared.runtime.service import Service

log = structlog.get_logger(__name__)

DEFAULT_SOURCE: Final = "api"
SOURCE_HEADER: Final = "x-lead-source"


class Intake:
    """Prepares and stores submissions."""

    def __init__(
        self, service: Service, settings: CaptureSettings, memory: IdempotencyMemory, admission: Admission
    ) -> None:
        self.settings = settings
        self.admission = admission
        self._service = service
        self._memory = memory
        self._secret = settings.secret_bytes

    def now(self) -> datetime:
        """The instant at which a request is looked at."""
        return self._service.clock()

    def prepare(
        self,
        raw: bytes,
        content_type: str,
        source: str,
        event: str | None,
        *,
        is_test: bool,
        traceparent: str | None,
        by_event: bool = False,
        signals: str | None = None,
    ) -> Incoming:
        """A submission as the record that it will be. `event` is the source's own id of it (an Idempotency-Key).

        Its key is the person's, which keeps one person's submissions in order. `by_event` makes it the event's: then
        all bodies under one Idempotency-Key are in one partition, and the first that was stored is the one that stands.
        `signals`: what anybody may send is looked at for spam, and these were noticed already (see GUARD_HEADER).
        """
        ce_id = event or ids.new_id()
        event_id = ids.root_event_id(source, ce_id)
        receipt_id = receipt_of(event_id, secret=self._secret)
        refusal, person = self._judge(raw, content_type, source)
        headers = inbound_headers(ce_id, source, receipt_id, rfc3339(self._service.clock()), content_type, traceparent)
        if is_test:
            headers.append((TEST_HEADER, b"1"))
        if signals is not None:
            headers.append((GUARD_HEADER, signals.encode()))
        key = event_id if by_event or person is None else person
        return Incoming(event_id, receipt_id, RawRecord(key.encode(), raw, headers), fingerprint_of(raw), refusal)

    def prepare_element(
        self,
        element: Element,
        content_type: str,
        source: ConfiguredSource,
        *,
        more: Sequence[tuple[str, bytes]] = (),
        traceparent: str | None = None,
    ) -> Incoming:
        """A lead of a provider's payload as the record that it will be: its very bytes, and a header that says whose."""
        return element_record(
            element,
            content_type,
            source,
            secret=self._secret,
            at=self._service.clock(),
            region=self.settings.default_region,
            more=more,
            traceparent=traceparent,
        )

    def _judge(self, raw: bytes, content_type: str, source: str) -> tuple[Refused | None, str | None]:
        """Why it will be refused, if so, and the key that keeps one person's submissions in order."""
        return judged_by(
            lambda: judge_value(raw, content_type, source_name=source, default_region=self.settings.default_region),
            self._secret,
        )

    async def store(self, incoming: Sequence[Incoming], topic: str = INBOUND) -> None:
        """Return when all are in Kafka with `acks=all`. Raises a 503 problem, within about 3 s."""
        try:
            if self._service.raw is None:
                raise IntakeUnavailable
            await self._service.raw.send(topic, [one.record for one in incoming])
        except IntakeUnavailable as error:
            detail = "Nothing can be stored now. Try again; an Idempotency-Key makes that safe."
            raise Problem(503, "unavailable", detail, headers={"Retry-After": "2"}) from error

    async def command(self, commands: Sequence[ToSend]) -> None:
        """Put commands to capture itself into Kafka. Raises a 503 problem."""
        if commands:
            await send_commands(self._service, commands)

    async def conflicts(self, incoming: Incoming) -> bool:
        """Whether another body is remembered under the same Idempotency-Key."""
        return await self._memory.first_digest(incoming.event_id, incoming.fingerprint) != incoming.fingerprint


def flagged_test(request: Request) -> bool:
    """Whether the sender says that this is a test (header `ls-test: 1`)."""
    return "1" in (request.headers.get("ls-test"), request.headers.get(TEST_HEADER))


def named_by_request(request: Request, principal: Principal) -> str | None:
    """The source that the key is bound to, or that the query or header names. Raises problems for others."""
    asked = request.query_params.get("source") or request.headers.get(SOURCE_HEADER)
    source = clean_source(asked) if asked is not None else None
    if asked is not None and source is None:
        raise Problem(400, "invalid_source", "A source's name has 1 to 128 characters.", field="source")
    if principal.source is not None and source not in (None, principal.source):
        raise Problem(403, "source_not_allowed", "This key sends for another source.", field="source")
    return principal.source or source


def named_by_body(raw: bytes, content_type: str) -> str:
    """The source that a submission names itself, else the default."""
    return clean_source(named_source(raw, content_type) or "") or DEFAULT_SOURCE
