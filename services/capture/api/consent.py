"""Consent of a lead: what stands, and every statement that it rests on."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.capture.adapters.postgres.consents import consent_history
from services.capture.adapters.postgres.leads import PostgresLeadBook
from services.capture.api.marking import Changer
from services.capture.domain.view import lead_view
from shared.contracts.commands.capture import RecordConsent
from shared.persistence.aliases import all_ids
from shared.runtime.access import Principal, Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.reading import known_id, not_found, reading
from shared.runtime.service import Service


class ConsentBody(BaseModel):
    """What was said, for one purpose, and how that is known."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    purpose: str = Field(min_length=1, max_length=256)
    given: bool
    confirmed: bool = False
    text: str | None = Field(None, max_length=20_000)
    lawful_basis: str | None = Field(None, max_length=256)
    wording_id: str | None = Field(None, max_length=256)
    at: str | None = Field(None, max_length=64)
    source: str = Field("", max_length=256)


def consent_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["consent"])
    leads = PostgresLeadBook()

    @router.get("/v1/leads/{lead_id}/consent")
    async def show(lead_id: str, principal: Principal = Depends(Requires("read"))) -> dict[str, Any]:
        """What stands for each purpose, and all statements, those of leads that were merged into this one too. Wordings are
        shown to those who may change leads."""
        asked = known_id(lead_id, "lead")
        async with reading(service) as work:
            person = (await leads.load_leads(work, [asked])).get(asked)
            if person is None:
                not_found("lead")
            ((survivor, lead_ids),) = (await all_ids(work, [asked])).items()
            statements = await consent_history(work, lead_ids)
        standing = lead_view(person.facts, survivor)["consent"]
        shown = {purpose: given for purpose, given in standing.items() if type(given) is bool}
        if not principal.may("change"):
            statements = [{**statement, "wording": None} for statement in statements]
        return {
            "lead_id": survivor,
            "consent": shown,
            "confirmed": _confirmed(standing, shown),
            "statements": statements,
        }

    @router.post("/v1/leads/{lead_id}/consent")
    async def note(lead_id: str, body: ConsentBody, who: Changer, request: Request) -> JSONResponse:
        """Note what a person agreed to or took back. A refusal stands until an agreement that is confirmed."""
        asked = known_id(lead_id, "lead")
        wanted = RecordConsent(lead_id=asked, requested_by=who.key_id, **body.model_dump())
        return await answer(service, await send_command(service, RecordConsent.TYPE, asked, wanted, request))

    return router


def _confirmed(standing: dict[str, Any], shown: dict[str, bool]) -> list[str]:
    """The purposes whose agreement was confirmed."""
    return [purpose for purpose in standing.get("confirmed", ()) if shown.get(purpose)]
