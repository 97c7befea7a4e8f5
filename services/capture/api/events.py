"""`POST /v1/events`: what people do, one JSON object or one a line; from servers, and from browsers by a public key."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from services.capture.api.batch import answer_of, lines_of
from services.capture.api.bodies import content_type, read_body
from services.capture.api.browsers import KnownObserver, Observer, allow_origin, preflight
from services.capture.api.elements import Incoming, inbound_headers
from services.capture.api.intake import DEFAULT_SOURCE, Intake, flagged_test, named_by_request
from services.capture.api.leads import refused
from services.capture.domain.behaviour.reading import MAX_EVENT_BYTES, claims_of, read_behaviour
from services.capture.domain.identity import keyed_hash
from services.capture.domain.payload import JSON_TYPE
from services.capture.domain.reading import fingerprint_of
from services.capture.domain.receipt import receipt_of
from services.capture.domain.refusal import Refused
from services.capture.handlers.arrivals import TEST_HEADER
from services.capture.settings import CaptureSettings
from shared.contracts import ids
from shared.contracts.envelope import rfc3339
from shared.contracts.events.behaviour import BehaviourSubmitted
from shared.contracts.topics import EVENTS_INBOUND
from shared.messaging.raw_producer import RawRecord
from shared.runtime.idempotency import idempotency_key
from shared.runtime.problems import Problem

_NDJSON: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)
# What `sendBeacon` may send to another origin without asking first.
_BEACON: Final = "text/plain"
_ALLOWED: Final = _NDJSON | {JSON_TYPE, _BEACON}
_EXAMPLE: Final = {"kind": "page.viewed", "visitor_id": "lsv_…", "properties": {"url": "https://example.com/pricing"}}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            JSON_TYPE: {"schema": {"type": "object"}, "example": _EXAMPLE},
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}
_READ_AT_ONCE: Final = 50


def events_router(intake: Intake) -> APIRouter:
    """The routes. All lines are stored together or the whole request is to be sent again; each has its own receipt."""
    router = APIRouter(tags=["events"])
    settings, observer = intake.settings, Depends(KnownObserver(intake.admission))

    @router.post("/v1/events", status_code=202, openapi_extra=_BODY)
    async def submit_events(request: Request, who: Observer = observer) -> JSONResponse:
        media = content_type(request, _ALLOWED)
        limits = _limits(settings, who)
        raw = await read_body(request, limit=limits[0], timeout_s=settings.body_timeout_s)
        single = media == JSON_TYPE
        lines = [(1, raw)] if single else list(lines_of(raw, limits[1]))
        await intake.admission.charge_lines(request, who.principal, len(lines) - 1)
        incoming, too_long = await _prepared(intake, request, who, lines)
        if single and too_long:
            raise Problem(413, "event_too_large", f"An event may have {MAX_EVENT_BYTES} bytes.")
        if incoming:
            await intake.store([one for _, one in incoming], EVENTS_INBOUND)
        answered = _one(incoming[0][1]) if single else answer_of(incoming, too_long, code="event_too_large")
        return JSONResponse(answered, 202, allow_origin(who))

    @router.options("/v1/events", include_in_schema=False)
    async def asked_before(request: Request) -> Response:
        return preflight(request)

    return router


def _limits(settings: CaptureSettings, who: Observer) -> tuple[int, int]:
    """Bytes and lines of a request: a page has no need for as many as a server."""
    if who.is_browser:
        return settings.beacon_limit_bytes, settings.beacon_limit_lines
    return settings.batch_limit_bytes, settings.batch_limit_lines


async def _prepared(
    intake: Intake, request: Request, who: Observer, lines: Sequence[tuple[int, bytes]]
) -> tuple[list[tuple[int, Incoming]], set[int]]:
    """The lines as records, and the numbers of those that are too long to be stored."""
    key, source = idempotency_key(request), named_by_request(request, who.principal) or DEFAULT_SOURCE
    incoming: list[tuple[int, Incoming]] = []
    too_long: set[int] = set()
    for number, line in lines:
        if len(line) > MAX_EVENT_BYTES:
            too_long.add(number)
            continue
        if len(incoming) % _READ_AT_ONCE == _READ_AT_ONCE - 1:
            await asyncio.sleep(0)
        fallback = key and (key if len(lines) == 1 else f"{key}/{number}")
        incoming.append((number, _record(intake, request, who, line, source, fallback)))
    return incoming, too_long


def _record(
    intake: Intake, request: Request, who: Observer, line: bytes, source: str, fallback: str | None
) -> Incoming:
    """An event as the record that it will be. Its own id comes before the request's Idempotency-Key, and its key is the
    visitor's, else the person's: what both do stays in order."""
    claims = claims_of(line)
    who.check(claims)
    secret, now = intake.settings.secret_bytes, intake.now()
    ce_id = claims.event_id or fallback or ids.new_id()
    event_id = ids.root_event_id(source, ce_id)
    receipt_id = receipt_of(event_id, secret=secret)
    received_ms, region = int(now.timestamp() * 1000), intake.settings.default_region
    read = read_behaviour(line, JSON_TYPE, source=source, received_ms=received_ms, region=region)
    refusal, whose = (read, None) if isinstance(read, Refused) else (None, read.named.partition_key)
    headers = inbound_headers(
        ce_id, source, receipt_id, rfc3339(now), JSON_TYPE, request.headers.get("traceparent"), BehaviourSubmitted.TYPE
    )
    headers += who.context(request, consents=claims.consents)
    if flagged_test(request):
        headers.append((TEST_HEADER, b"1"))
    key = keyed_hash(whose, secret=secret) if whose else event_id
    return Incoming(event_id, receipt_id, RawRecord(key.encode(), line, headers), fingerprint_of(line), refusal)


def _one(incoming: Incoming) -> dict[str, Any]:
    if incoming.refusal is not None:
        raise refused(incoming.refusal, incoming.receipt_id)
    return {"receipt_id": incoming.receipt_id}
