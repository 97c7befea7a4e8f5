"""A person's data: `POST /v1/people/erase`, `POST /v1/people/export`, and who asked for what.

Identifiers are looked up here: the command that follows holds ids of leads and keyed digests, nothing of the person.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, NamedTuple

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.capture.adapters.postgres.behaviour_erasure import waiting_behaviour
from services.capture.adapters.postgres.erasures import find_leads, find_waiting, list_requests
from services.capture.adapters.postgres.quarantine import waiting_submissions
from services.capture.domain.erasing import keep_out_digest
from services.capture.domain.identity import IdentityKey, external_key
from services.capture.domain.normalise.email import normalise_email
from services.capture.domain.normalise.phone import normalise_phone
from services.capture.domain.normalise.text import clean_text
from services.capture.handlers.erase_leads import MOST_WAITING
from shared.contracts.commands.capture import EraseLead, ExportLead
from shared.contracts.envelope import rfc3339
from shared.persistence.commands import read_completed
from shared.runtime.access import Principal, Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.problems import Problem
from shared.runtime.reading import known_id, not_found, reading
from shared.runtime.service import Service

_MOST_NAMED: Final = 50
_IDENTIFIERS: Final = ("lead_id", "email", "phone", "external_id")
Reason = Literal["person_request", "consent_withdrawn", "source_deleted", "retention", "unlawful"]


class PersonBody(BaseModel):
    """Whose data: exactly one of lead's id, e-mail address, phone number, and a source's own id; and why."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    lead_id: str | None = None
    email: str | None = Field(None, max_length=320)
    phone: str | None = Field(None, max_length=64)
    external_id: str | None = Field(None, max_length=256)
    source: str | None = Field(None, max_length=128, description="Whose external id it is")
    reason: Reason
    all: bool = Field(False, description="All leads that have this identifier, where they are several")


class Found(NamedTuple):
    """The leads that were asked for, the identifier under which they were, and events of it that are no lead's."""

    lead_ids: list[str]
    key: IdentityKey | None
    waiting: list[str]


def people_router(service: Service, secret: bytes, default_region: str | None) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/people", tags=["people"])
    changer = Depends(Requires("change"))

    @router.post("/erase")
    async def erase(body: PersonBody, request: Request, principal: Principal = changer) -> JSONResponse:
        """Erase a person everywhere. Whoever is not known yet is kept out all the same: older records, lists, imports."""
        found = await _find(service, body, default_region)
        lead_id, *also = found.lead_ids or [""]
        keep_out = [] if found.key is None else [keep_out_digest(found.key, secret=secret)]
        command = EraseLead(
            lead_id=lead_id,
            also=also,
            reason=body.reason,
            keep_out=keep_out,
            requested_by=principal.key_id,
            waiting=found.waiting,
        )
        key = lead_id or keep_out[0]
        return await answer(service, await send_command(service, EraseLead.TYPE, key, command, request))

    @router.post("/export")
    async def export(body: PersonBody, request: Request, principal: Principal = changer) -> JSONResponse:
        """Note that a person's data is handed out; the result names the leads to read at every service, and `waiting`, events
        that are no lead's: `GET /v1/people/export/{command_id}` has them."""
        found = await _find(service, body, default_region)
        if not found.lead_ids and not found.waiting:
            not_found("lead")
        lead_id, *also = found.lead_ids or [""]
        command = ExportLead(
            lead_id=lead_id, also=also, reason=body.reason, requested_by=principal.key_id, waiting=found.waiting
        )
        key = lead_id or found.waiting[0]
        return await answer(service, await send_command(service, ExportLead.TYPE, key, command, request))

    @router.get("/export/{command_id}", dependencies=[changer])
    async def handed_out(command_id: str) -> dict[str, Any]:
        """What waits of a person who has no lead, by the command that noted who asked for it."""
        async with reading(service) as work:
            noted = await read_completed(work, known_id(command_id, "command"))
            if noted is None or noted["command"] != ExportLead.TYPE or noted["status"] != "done":
                not_found("export")
            event_ids = noted["result"].get("waiting", [])
            return {
                "quarantine": await waiting_submissions(work, event_ids),
                "behaviour": await waiting_behaviour(work, event_ids),
            }

    @router.get("/requests", dependencies=[changer])
    async def requests(limit: Annotated[int, Query(ge=1, le=200)] = 50) -> dict[str, Any]:
        """Who had whose data erased or handed out, the newest first."""
        async with reading(service) as work:
            found = await list_requests(work, limit)
        return {"requests": [{**each, "requested_at": rfc3339(each["requested_at"])} for each in found]}

    return router


async def _find(service: Service, body: PersonBody, default_region: str | None) -> Found:
    """Raises a 422 problem for what names nobody, a 409 problem for what names several."""
    if sum(getattr(body, name) is not None for name in _IDENTIFIERS) != 1:
        raise Problem(422, "one_identifier", f"Exactly one of {', '.join(_IDENTIFIERS)} is needed.")
    if body.lead_id is not None:
        return Found([known_id(body.lead_id, "lead")], None, [])
    key = _key(body, default_region)
    async with reading(service) as work:
        lead_ids = await find_leads(work, key)
        alone = key.kind == "phone" and bool(lead_ids) and not body.all
        waiting = await find_waiting(work, key, MOST_WAITING, alone=alone)
    if len(lead_ids) > 1 and not body.all:
        detail = "Several leads have this identifier. Name one by its id, or ask for all of them."
        raise Problem(409, "several_leads", detail, lead_ids=lead_ids[:_MOST_NAMED])
    if waiting.are_several and not body.all:
        detail = "Submissions of several people in quarantine have this phone. Name an e-mail address, or ask for all."
        raise Problem(409, "several_people", detail)
    return Found(lead_ids, key, waiting.event_ids)


def _key(body: PersonBody, default_region: str | None) -> IdentityKey:
    wanted: Mapping[str, Any] = {name: getattr(body, name) for name in _IDENTIFIERS}
    if body.email is not None and (email := normalise_email(body.email)[1]):
        return IdentityKey("email", email)
    if body.phone is not None and (phone := normalise_phone(body.phone, default_region)[1]):
        return IdentityKey("phone", phone)
    if body.external_id is not None and (external_id := clean_text(body.external_id)) and body.source:
        return external_key(body.source, external_id)
    field = next(name for name in _IDENTIFIERS if wanted[name] is not None)
    missing = " and the source whose id it is" if field == "external_id" else ""
    raise Problem(422, "invalid_value", f"A valid {field} is needed{missing}.", field=field)
