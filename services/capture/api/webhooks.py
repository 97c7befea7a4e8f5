"""`/v1/webhooks/{kind}/{source}`: what providers send, in their own format, answered as they expect."""

from collections.abc import Sequence
from typing import Final

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.capture.adapters.sources_file import SourcesFile
from services.capture.api.admission import address_of
from services.capture.api.bodies import content_type, read_body
from services.capture.api.elements import Incoming
from services.capture.api.intake import Intake
from services.capture.domain.payload import FORM_TYPE, JSON_TYPE
from services.capture.handlers.arrivals import FORM_HEADER
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.mail import MAIL_TYPE
from services.capture.sources.protocol import Answer, Asked, Element, WebSource
from services.capture.sources.register import WEBHOOKS
from shared.contracts.commands.capture import FetchLead, WithdrawLead
from shared.observability.metrics import SUBMISSIONS_REFUSED
from shared.runtime.commands_api import Sent, ToSend, command_id
from shared.runtime.problems import Problem

log = structlog.get_logger(__name__)

JSON_ONLY: Final = frozenset({JSON_TYPE})
ACCEPTED: Final = {
    "generic": frozenset({JSON_TYPE, FORM_TYPE, "text/csv"}),
    "mail": frozenset({MAIL_TYPE}),
}
_BODY: Final = {"requestBody": {"required": True, "content": {JSON_TYPE: {"schema": {"type": "object"}}}}}


def webhooks_router(intake: Intake, file: SourcesFile) -> APIRouter:
    """The routes. A provider proves who it is by its signature or key; ours is not asked for."""
    router = APIRouter(tags=["webhooks"])

    @router.get("/v1/webhooks/{kind}/{source}")
    async def greet(kind: str, source: str, request: Request) -> Response:
        await intake.admission.admit("address", address_of(request))
        found = configured(file, kind, source)
        asked = asked_by(request, b"", "", intake)
        answer = WEBHOOKS[kind].greet(asked, found)
        if answer is None:
            raise Problem(405, "method_not_allowed", "Leads are sent by POST.", headers={"Allow": "POST"})
        return response(answer)

    @router.post("/v1/webhooks/{kind}/{source}", openapi_extra=_BODY)
    async def receive(kind: str, source: str, request: Request) -> Response:
        await intake.admission.admit("address", address_of(request))
        found = configured(file, kind, source)
        media = content_type(request, ACCEPTED.get(kind, JSON_ONLY))
        settings = intake.settings
        raw = await read_body(request, limit=settings.webhook_limit_bytes, timeout_s=settings.body_timeout_s)
        asked = asked_by(request, raw, media, intake)
        verify(WEBHOOKS[kind], asked, found)
        elements = WEBHOOKS[kind].split(asked, found)
        await store(intake, asked, found, elements)
        return response(WEBHOOKS[kind].answer(asked, found, elements))

    return router


def configured(file: SourcesFile, kind: str, name: str) -> ConfiguredSource:
    """The source at an address. Raises problems: 404 for none, 403 for one that is switched off, 503 while unknown."""
    found = file.current.by_name.get(name)
    return usable(file, found if found is not None and found.kind == kind and kind in WEBHOOKS else None)


def usable(file: SourcesFile, found: ConfiguredSource | None) -> ConfiguredSource:
    """The source, unless there is none or it is switched off. Raises problems."""
    if found is None and not file.usable:
        detail = "The file of sources cannot be used; nothing was stored. Try again."
        raise Problem(503, "unavailable", detail, headers={"Retry-After": "30"})
    if found is None:
        SUBMISSIONS_REFUSED.labels(kind="unknown", reason="unknown_source").inc()
        raise Problem(404, "unknown_source", "There is no such source.")
    if found.entry.disabled:
        SUBMISSIONS_REFUSED.labels(kind=found.kind, reason="source_disabled").inc()
        raise Problem(403, "source_disabled", "This source is switched off; nothing was stored.")
    return found


def asked_by(request: Request, raw: bytes, media: str, intake: Intake) -> Asked:
    """The request as sources see it."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Asked(request.method, str(request.url), headers, dict(request.query_params), media, raw, intake.now())


def verify(how: WebSource, asked: Asked, source: ConfiguredSource) -> None:
    """Return when the request is from whom it says. Raises a 401 problem; nothing of it is stored, logged or repeated."""
    why = how.verify(asked, source)
    if why is not None:
        SUBMISSIONS_REFUSED.labels(kind=source.kind, reason=why.reason).inc()
        log.warning("submission_unverified", source=source.name, kind=source.kind, reason=why.reason)
        raise Problem(401, why.reason, why.detail)


async def store(
    intake: Intake,
    asked: Asked,
    source: ConfiguredSource,
    elements: Sequence[Element],
    more: Sequence[tuple[str, bytes]] = (),
) -> list[Incoming]:
    """Each lead in Kafka under a receipt of its own, or none of them acknowledged (503). `more` headers are of each. What
    names a lead only becomes a command; the lead has its receipt once it is fetched."""
    traceparent = asked.headers.get("traceparent")
    incoming = [
        intake.prepare_element(
            element, asked.content_type, source, traceparent=traceparent, more=[*_form(element, source), *more]
        )
        for element in elements
        if not (element.fetch or element.erase)
    ]
    if incoming:
        await intake.store(incoming)
    await intake.command([made for element in elements if (made := _command(element, source, traceparent)) is not None])
    return incoming


def _form(element: Element, source: ConfiguredSource) -> list[tuple[str, bytes]]:
    """What has no id of its own is known by its content, for a while."""
    return [] if element.ce_id is not None else [(FORM_HEADER, source.name.encode())]


def _command(element: Element, source: ConfiguredSource, traceparent: str | None) -> ToSend | None:
    """The command to fetch a lead or to take it back. Its id is new each time: saying it twice does no harm."""
    provider_id = element.fetch or element.erase
    if provider_id is None:
        return None
    data: FetchLead | WithdrawLead
    if element.fetch:
        notification = element.raw.decode("utf-8", "replace")
        data = FetchLead(
            source=source.name, provider_id=provider_id, notification=notification, occurred_at=element.occurred_at
        )
    else:
        data = WithdrawLead(source=source.name, provider_id=provider_id)
    sent = Sent(command_id(data.TYPE, provider_id, None), data.TYPE)
    return ToSend(sent, "capture", f"{source.name}/{provider_id}", data, traceparent)


def response(answer: Answer) -> Response:
    """The provider's answer over HTTP."""
    return Response(answer.body, answer.status, dict(answer.headers), media_type=answer.content_type)
