"""HTTP of journeys: how far leads are, what was sent, and what offers brought."""

from typing import Any, Final

from fastapi import APIRouter, Depends

from services.scoring.journeys.adapters.models import active_journeys
from services.scoring.journeys.adapters.showing import read_figures, read_of_lead
from shared.persistence import aliases
from shared.runtime.access import Requires
from shared.runtime.reading import known_id, reading
from shared.runtime.service import Service

_NONE_YET: Final = {
    **dict.fromkeys(("entered", "active", "done", "exited", "converted"), 0),
    **{"messages": [], "failures": [], "revenue": []},
}


def journeys_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["journeys"])
    rules = active_journeys()

    @router.get("/v1/journeys", dependencies=[Depends(Requires("read"))])
    async def every() -> dict[str, Any]:
        """The journeys, live ones first, each with its leads, messages and revenue."""
        async with reading(service) as work:
            live, figures = await rules.read(work), await read_figures(work)
        names = [*live.journeys, *sorted(figures.keys() - live.journeys.keys())]
        items = [
            {**_NONE_YET, **figures.get(name, {}), "journey": name, "live": name in live.journeys} for name in names
        ]
        return {"rules_version": live.version, "items": items}

    @router.get("/v1/leads/{lead_id}/journeys", dependencies=[Depends(Requires("read"))])
    async def of_lead(lead_id: str) -> dict[str, Any]:
        """The journeys of a lead, and what was sent to it. A merged lead answers with its survivor's."""
        asked = known_id(lead_id, "lead")
        async with reading(service) as work:
            survivor = (await aliases.resolve(work, [asked])).get(asked, asked)
            return {"lead_id": survivor, **await read_of_lead(work, survivor)}

    return router
