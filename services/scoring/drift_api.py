"""HTTP of drift: whether live leads score as those did that the live model was learned from."""

from typing import Any

from fastapi import APIRouter, Depends

from services.scoring.domain.model import KIND
from services.scoring.drift import WINDOW_DAYS, find_drift
from shared.runtime.access import Requires
from shared.runtime.reading import not_found, reading
from shared.runtime.service import Service

PATH = f"/v1/rules/{KIND}/drift"


def drift_router(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["rules"])

    @router.get(PATH, dependencies=[Depends(Requires("read"))])
    async def show() -> dict[str, Any]:
        """Scores of the leads of the last days, in bands of ten points, beside those that the live model was learned from, and the
        population stability index between them. 404 where the live model was not learned."""
        async with reading(service) as work:
            drift = await find_drift(work)
        if drift is None:
            not_found("learned model that is live")
        return {**drift.as_dict(), "window_days": WINDOW_DAYS}

    return router
