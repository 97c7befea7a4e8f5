"""`POST /v1/forms/{form}` and Salesforce's web-to-lead address: forms of web pages, sent by browsers."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.capture.adapters.sources_file import SourcesFile
from services.capture.api.admission import address_of
from services.capture.api.bodies import content_type, read_body
from services.capture.api.intake import Intake
from services.capture.api.webhooks import asked_by, response, store, usable
from services.capture.domain.payload import FORM_TYPE, JSON_TYPE
from services.capture.handlers.arrivals import GUARD_HEADER
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.protocol import Asked
from services.capture.sources.register import FORMS
from services.capture.sources.web_form import organisation_of
from shared.runtime.idempotency import idempotency_key

_ACCEPTED: Final = frozenset({FORM_TYPE, JSON_TYPE})
_FORM_ONLY: Final = frozenset({FORM_TYPE})
_BODY: Final = {"requestBody": {"required": True, "content": {FORM_TYPE: {"schema": {"type": "object"}}}}}


def forms_router(intake: Intake, file: SourcesFile) -> APIRouter:
    """The routes. The answer is a 303 once the submission is stored, whatever it holds: the receipt says the rest."""
    router = APIRouter(tags=["forms"])

    @router.post("/v1/forms/{form}", status_code=303, openapi_extra=_BODY)
    async def submit_form(form: str, request: Request) -> Response:
        await intake.admission.admit("address", address_of(request))
        found = file.current.by_name.get(form)
        source = usable(file, found if found is not None and found.kind == "form" else None)
        return await _take(intake, request, await _asked(intake, request, _ACCEPTED), source, idempotency_key(request))

    @router.post("/servlet/servlet.WebToLead", status_code=303, openapi_extra=_BODY)
    async def web_to_lead(request: Request) -> Response:
        await intake.admission.admit("address", address_of(request))
        asked = await _asked(intake, request, _FORM_ONLY)
        source = usable(file, file.current.of_oid(organisation_of(asked) or ""))
        return await _take(intake, request, asked, source, None)

    return router


async def _asked(intake: Intake, request: Request, accepted: frozenset[str]) -> Asked:
    media = content_type(request, accepted)
    settings = intake.settings
    raw = await read_body(request, limit=settings.body_limit_bytes, timeout_s=settings.body_timeout_s)
    return asked_by(request, raw, media, intake)


async def _take(intake: Intake, request: Request, asked: Asked, source: ConfiguredSource, key: str | None) -> Response:
    signals = await intake.admission.signals(request, is_form=True)
    elements = [element._replace(ce_id=key) for element in FORMS[source.kind].split(asked, source)]
    incoming = await store(intake, asked, source, elements, [(GUARD_HEADER, signals.encode())])
    answer = FORMS[source.kind].answer(asked, source, elements)
    if answer.status == 202:
        return response(answer._replace(body=b'{"receipt_id":"%s"}' % incoming[0].receipt_id.encode()))
    return response(answer)
