"""HTTP of scoring: a lead's score and why."""

from typing import Any

import orjson
from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from services.scoring.adapters.postgres import read_score
from shared.contracts.envelope import rfc3339
from shared.runtime.access import Requires
from shared.runtime.reading import known_id, not_found, reading
from shared.runtime.service import Service


def scores_router(service: Service) -> APIRouter:
    """`GET /v1/leads/{lead_id}/score`."""
    router = APIRouter(tags=["scores"])

    @router.get("/v1/leads/{lead_id}/score", dependencies=[Depends(Requires("read"))])
    async def read(lead_id: str) -> JSONResponse:
        """The newest score of a lead, with every contribution. A merged lead answers with its winner's."""
        asked = known_id(lead_id, "scored lead")
        async with reading(service) as work:
            shown = await read_score(work, asked)
        if shown is None:
            not_found("scored lead")
        body: dict[str, Any] = {
            "lead_id": shown.lead_id,
            "lead_version": shown.lead_version,
            "score": orjson.loads(shown.score),
            "score_version": shown.score_version,
            "updated_at": rfc3339(shown.updated_at),
        }
        return JSONResponse(body)

    return router
