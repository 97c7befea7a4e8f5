"""`POST /v1/leads/batch`: many submissions, one JSON object a line."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from services.capture.api.bodies import content_type, read_body
from services.capture.api.elements import Incoming
from services.capture.api.intake import Intake, flagged_test, named_by_body, named_by_request
from services.capture.domain.payload import JSON_TYPE
from services.capture.domain.refusal import RefusalCode, refuse
from shared.runtime.access import Principal
from shared.runtime.idempotency import idempotency_key
from shared.runtime.problems import Problem

_ALLOWED: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"}
)
_BODY: Final = {"requestBody": {"required": True, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}}
# Reading is CPU: other requests and the consumer's heartbeat get a turn in between.
_READ_AT_ONCE: Final = 50


def batch_router(intake: Intake) -> APIRouter:
    """The route. All lines are stored together or the whole request is to be sent again; each has its own receipt."""
    router = APIRouter(tags=["leads"])
    settings, sender = intake.settings, Depends(intake.admission)

    @router.post("/v1/leads/batch", status_code=202, openapi_extra=_BODY)
    async def submit_leads(request: Request, principal: Principal = sender) -> JSONResponse:
        content_type(request, _ALLOWED)
        key, source = idempotency_key(request), named_by_request(request, principal)
        raw = await read_body(request, limit=settings.batch_limit_bytes, timeout_s=settings.body_timeout_s)
        lines = list(lines_of(raw, settings.batch_limit_lines))
        await intake.admission.charge_lines(request, principal, len(lines) - 1)
        too_long = {number for number, line in lines if len(line) > settings.body_limit_bytes}
        incoming: list[tuple[int, Incoming]] = []
        for number, line in lines:
            if number in too_long:
                continue
            if len(incoming) % _READ_AT_ONCE == _READ_AT_ONCE - 1:
                await asyncio.sleep(0)
            incoming.append((number, _prepare(intake, request, line, source, key and f"{key}/{number}")))
        if incoming:
            await intake.store([one for _, one in incoming])
        return JSONResponse(answer_of(incoming, too_long), 202)

    return router


def lines_of(raw: bytes, limit: int) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, by number from 1. Raises a 413 problem for too many."""
    count = 0
    for number, line in enumerate(raw.split(b"\n"), start=1):
        if line.strip():
            count += 1
            if count > limit:
                raise Problem(413, "too_many_lines", f"A batch may have {limit} lines.")
            yield number, line.rstrip(b"\r")
    if not count:
        raise Problem(400, "empty_batch", "The body has no lines.")


def _prepare(intake: Intake, request: Request, line: bytes, source: str | None, event: str | None) -> Incoming:
    return intake.prepare(
        line,
        JSON_TYPE,
        source or named_by_body(line, JSON_TYPE),
        event,
        is_test=flagged_test(request),
        traceparent=request.headers.get("traceparent"),
    )


def answer_of(
    incoming: list[tuple[int, Incoming]], too_long: set[int], code: RefusalCode = "too_large"
) -> dict[str, Any]:
    """Accepted receipts in the order of the lines, and what is refused with its line and receipt."""
    why = refuse(code)
    rejected = [
        {"line": number, "receipt_id": None, "code": why.code, "field": None, "detail": why.detail}
        for number in too_long
    ]
    for number, one in incoming:
        if (why_not := one.refusal) is not None:
            rejected.append(
                {
                    "line": number,
                    "receipt_id": one.receipt_id,
                    "code": why_not.code,
                    "field": why_not.field,
                    "detail": why_not.detail,
                }
            )
    receipts = [one.receipt_id for _, one in incoming if one.refusal is None]
    rejected.sort(key=lambda entry: entry["line"])  # type: ignore[arg-type, return-value]
    return {"accepted": len(receipts), "receipts": receipts, "rejected": rejected}
