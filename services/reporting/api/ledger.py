"""`GET /v1/ledger`: where every received record is."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from services.reporting.adapters.postgres.funnel import recount
from services.reporting.adapters.postgres.ledger import read_ledger
from services.reporting.adapters.postgres.letter_counts import replayed_by_source
from services.reporting.adapters.postgres.parked import Filters, count_parked
from services.reporting.api.reading import Reader
from services.reporting.domain.ledger import problems
from shared.runtime.reading import reading
from shared.runtime.service import Service

_LETTERS: Final = ("service", "reason", "state", "count")


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
            replayed = await replayed_by_source(work)
            letters = await count_parked(work, Filters(kind="dead_letter"))
            differences = await recount(work) if with_recount else None
        caught_up = lag == 0 and service.lag() == 0
        found = problems(findings, caught_up=caught_up)
        if differences:
            found.append(f"the funnel differs from the stored events in {len(differences)} places")
        return {
            "caught_up": caught_up,
            "balanced": not found,
            "problems": found,
            "sources": [{**asdict(b), "replayed": replayed.get(b.source, 0)} for b in findings.balances],
            "behaviour": [asdict(b) for b in findings.behaviour],
            "stages": [asdict(stage) for stage in findings.stages],
            "dead_letters": [{name: row[name] for name in _LETTERS} for row in letters],
            "purged": [{"what": what, "leads": leads} for what, leads in findings.purged.items()],
            "strangers": findings.strangers,
            "doubles": findings.doubles,
            "offenders": findings.offenders,
            "recount": differences,
        }

    return routes
