"""`POST /v1/mails` and `POST /v1/calls`: mails and logs of calls, sent with a key as leads are."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from services.capture.api.bodies import content_type, read_body
from services.capture.api.intake import Intake, flagged_test, named_by_request
from services.capture.api.webhooks import ACCEPTED, JSON_ONLY, asked_by, store
from services.capture.sources.configured import ConfiguredSource, Kind, SourceEntry
from services.capture.sources.mail import MAIL_TYPE
from services.capture.sources.register import WEBHOOKS
from shared.runtime.access import Principal

_MAILS = {"requestBody": {"required": True, "content": {MAIL_TYPE: {"schema": {"type": "string"}}}}}


def contacts_router(intake: Intake) -> APIRouter:
    """The routes. Each lead has a receipt; what cannot be used says why there."""
    router = APIRouter(tags=["leads"])
    sender = Depends(intake.admission)

    @router.post("/v1/mails", status_code=202, openapi_extra=_MAILS)
    async def submit_mail(request: Request, principal: Principal = sender) -> JSONResponse:
        return await _take("mail", request, principal)

    @router.post("/v1/calls", status_code=202)
    async def submit_calls(request: Request, principal: Principal = sender) -> JSONResponse:
        return await _take("calls", request, principal)

    async def _take(kind: Kind, request: Request, principal: Principal) -> JSONResponse:
        media = content_type(request, ACCEPTED.get(kind, JSON_ONLY))
        source = ConfiguredSource(named_by_request(request, principal) or kind, SourceEntry(kind=kind))
        settings = intake.settings
        raw = await read_body(request, limit=settings.webhook_limit_bytes, timeout_s=settings.body_timeout_s)
        asked = asked_by(request, raw, media, intake)
        elements = WEBHOOKS[kind].split(asked, source)
        if flagged_test(request):
            elements = [element._replace(is_test=True) for element in elements]
        stored = await store(intake, asked, source, elements)
        return JSONResponse({"accepted": len(stored), "receipts": [one.receipt_id for one in stored]}, 202)

    return router
