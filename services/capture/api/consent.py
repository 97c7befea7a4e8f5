"""Consent of a lead: what stands, and every statement that it rests on."""

from typing import Any

from fastapi import APIRouter, Depends

from services.capture.adapters.postgres.consents import consent_history
from services.capture.adapters.postgres.leads import PostgresLeadBook
from services.capture.domain.view import lead_view
from shared.persistence.aliases import all_ids
from shared.runtime.access import Principal, Requires
from shared.runtime.reading import known_id, not_found, reading
from shared.runtime.service import Service


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

    return router


def _confirmed(standing: dict[str, Any], shown: dict[str, bool]) -> list[str]:
    """The purposes whose agreement was confirmed."""
    return [purpose for purpose in standing.get("confirmed", ()) if shown.get(purpose)]
