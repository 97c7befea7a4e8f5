"""`POST /v1/leads`: one submission, JSON or form."""

from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from services.capture.api.bodies import read_body, stated_type
from services.capture.api.intake import Intake, flagged_test, named_by_body, named_by_request
from services.capture.domain.payload import FORM_TYPE, JSON_TYPE
from services.capture.domain.refusal import MALFORMED, Refused, refuse
from shared.runtime.access import Principal
from shared.runtime.idempotency import idempotency_key
from shared.runtime.problems import Problem

_ALLOWED: Final = frozenset({JSON_TYPE, FORM_TYPE})
_STATUS: Final[Mapping[str, int]] = {"id_conflict": 409, "unsupported_content_type": 415}
_EXAMPLE: Final[dict[str, Any]] = {
    "email": "ann@example.com",
    "first_name": "Ann",
    "last_name": "Lee",
    "company": {"name": "Example Corp", "website": "example.com"},
    "source": "website",
}
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            JSON_TYPE: {"schema": {"type": "object"}, "example": _EXAMPLE},
            FORM_TYPE: {"schema": {"type": "object"}},
        },
    }
}


def leads_router(intake: Intake) -> APIRouter:
    """The route. Nothing about the content is answered before the submission is stored."""
    router = APIRouter(tags=["leads"])
    settings, sender = intake.settings, Depends(intake.admission)

    @router.post("/v1/leads", status_code=202, openapi_extra=_BODY)
    async def submit_lead(request: Request, principal: Principal = sender) -> JSONResponse:
        media = stated_type(request, _ALLOWED)
        key, source = idempotency_key(request), named_by_request(request, principal)
        raw = await read_body(request, limit=settings.body_limit_bytes, timeout_s=settings.body_timeout_s)
        incoming = intake.prepare(
            raw,
            media,
            source or named_by_body(raw, media),
            key,
            is_test=flagged_test(request),
            traceparent=request.headers.get("traceparent"),
            by_event=key is not None,
            signals=await intake.admission.signals(request, is_form=media == FORM_TYPE),
        )
        await intake.store([incoming])
        if key is not None and await intake.conflicts(incoming):
            raise refused(refuse("id_conflict"), incoming.receipt_id)
        if incoming.refusal is not None:
            raise refused(incoming.refusal, incoming.receipt_id)
        return JSONResponse({"receipt_id": incoming.receipt_id}, 202)

    return router


def refused(why: Refused, receipt_id: str) -> Problem:
    """The problem of a submission that is stored and cannot be used; its receipt says the same."""
    status = _STATUS.get(why.code) or (400 if why.code in MALFORMED else 422)
    return Problem(status, why.code, f"{why.detail}.", field=why.field, receipt_id=receipt_id)
