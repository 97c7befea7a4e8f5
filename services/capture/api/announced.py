"""`GET /v1/announced`: leads that providers have announced by their ids, and what became of each."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query

from services.capture.adapters.postgres.announced import announced_counts, announced_leads
from shared.contracts.envelope import rfc3339
from shared.runtime.access import Requires
from shared.runtime.reading import reading
from shared.runtime.service import Service

State = Literal["pending", "done", "failed", "withdrawn"]


def announced_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["announced"])

    @router.get("/v1/announced", dependencies=[Depends(Requires("read"))])
    async def listed(
        state: State | None = None,
        source: Annotated[str | None, Query(max_length=128)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> dict[str, Any]:
        """By source how many were announced and where they are, and the newest, for 100 days after they were settled."""
        async with reading(service) as work:
            counts = await announced_counts(work, source)
            rows = await announced_leads(work, source=source, state=state, limit=limit)
        return {"sources": counts, "announced": [_shown(row) for row in rows]}

    return router


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    due_at = rfc3339(row["due_at"]) if row["state"] == "pending" else None
    return {**row, "announced_at": rfc3339(row["announced_at"]), "due_at": due_at}
