"""`GET /v1/ledger`: where every received record is."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.reporting.adapters.postgres.funnel import recount
from services.reporting.adapters.postgres.ledger import read_ledger
from services.reporting.api.reading import Reader
from services.reporting.domain.ledger import problems
from shared.runtime.reading import reading
from shared.runtime.service import Service


def router(service: Service) -> APIRouter:
    """The ledger's routes."""
    routes = APIRouter(tags=["ledger"])

    @routes.get("/v1/ledger")
    async def ledger(
        _: Reader,
        limit: Annotated[int, Query(ge=1, le=1000, description="Offenders of a kind that are listed")] = 100,
        with_recount: Annotated[bool, Query(alias="recount", description="Recount the funnel from the events")] = False,
    ) -> dict[str, Any]:
        lag = service.lag()
        async with reading(service) as work:
            findings = await read_ledger(work, limit=limit)
            differences = await recount(work) if with_recount else None
        caught_up = lag == 0 and service.lag() == 0
        found = problems(findings, caught_up=caught_up)
        if differences:
            found.append(f"the funnel differs from the stored events in {len(differences)} places")
        return {
            "caught_up": caught_up,
            "balanced": not found,
            "problems": found,
            "sources": [asdict(balance) for balance in findings.balances],
            "stages": [asdict(stage) for stage in findings.stages],
            "strangers": findings.strangers,
            "doubles": findings.doubles,
            "offenders": findings.offenders,
            "recount": differences,
        }

    return routes
