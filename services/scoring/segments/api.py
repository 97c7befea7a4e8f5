"""HTTP of segments: which there are, who is in them, and why a lead is or is not."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.scoring.segments.adapters.book import PostgresSegmentBook
from services.scoring.segments.adapters.models import active_segments
from services.scoring.segments.adapters.showing import count_members, list_members, read_members, read_recounts
from services.scoring.segments.domain.explaining import explain_segments
from shared.contracts.commands.segments import RecountSegments, StateInterest
from shared.contracts.envelope import rfc3339
from shared.runtime.access import Principal, Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.paging import DEFAULT_PAGE, PageSize
from shared.runtime.reading import known_id, not_found, reading
from shared.runtime.service import Service

Changer = Annotated[Principal, Depends(Requires("change"))]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]
_CONFIG: Final = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
_RECOUNT_KEY: Final = "scoring/segments"


class InterestBody(BaseModel):
    """What was said of a lead's interest."""

    model_config = _CONFIG

    interest: Literal["interested", "not_now", "disinterested"]
    reason: Annotated[str, Field(min_length=1, max_length=200)]
    resume_at: Annotated[str, Field(max_length=40)] | None = None


class RecountBody(BaseModel):
    """Why every lead is to be looked at."""

    model_config = _CONFIG

    reason: Reason


def segments_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["segments"])
    book, rules = PostgresSegmentBook(), active_segments()

    @router.get("/v1/segments", dependencies=[Depends(Requires("read"))])
    async def every() -> dict[str, Any]:
        """The segments of the live rules, each with how many leads it has, and the newest recounts."""
        async with reading(service) as work:
            live, counts, recounts = await rules.read(work), await count_members(work), await read_recounts(work)
        items = [
            {"segment": each.rule.id, "leads": counts.get(each.rule.id, 0), "description": each.rule.description}
            for each in live.explained
        ]
        return {"rules_version": live.version, "items": items, "recounts": [_shown(row) for row in recounts]}

    @router.get("/v1/segments/{segment}/leads", dependencies=[Depends(Requires("read"))])
    async def leads(
        segment: str,
        limit: PageSize = DEFAULT_PAGE,
        after: Annotated[str | None, Query(max_length=36)] = None,
    ) -> dict[str, Any]:
        """The leads of a segment, by id; `next` is the `after` of the following page."""
        behind = known_id(after, "lead") if after is not None else None
        async with reading(service) as work:
            live = await rules.read(work)
            if segment not in {name for name, _ in live.segments}:
                not_found("segment")
            items = await list_members(work, segment, behind, limit)
        return {"segment": segment, "items": items, "next": items[-1]["lead_id"] if len(items) == limit else None}

    @router.get("/v1/leads/{lead_id}/segments", dependencies=[Depends(Requires("read"))])
    async def of_lead(lead_id: str) -> dict[str, Any]:
        """The segments of a lead, and of each what was met and what was not. A merged lead answers with its survivor's."""
        asked = known_id(lead_id, "scored lead")
        async with reading(service) as work:
            live = await rules.read(work)
            survivor = (await book.survivors(work, [asked])).get(asked, asked)
            known = (await book.read(work, [survivor], live.looks_back_to(work.now))).get(survivor)
            kept = await read_members(work, survivor)
            if known is None:
                not_found("scored lead")
            told = explain_segments(known, kept.first_seen, live, members=kept.members, now=work.now)
        return {"lead_id": survivor, "rules_version": live.version, **told}

    @router.post("/v1/leads/{lead_id}/interest")
    async def interest(lead_id: str, body: InterestBody, who: Changer, request: Request) -> JSONResponse:
        """Say how interested a lead is."""
        asked = known_id(lead_id, "lead")
        wanted = StateInterest(
            lead_id=asked,
            interest=body.interest,
            reason=body.reason,
            resume_at=body.resume_at,
            requested_by=who.key_id,
        )
        return await answer(service, await send_command(service, StateInterest.TYPE, asked, wanted, request))

    @router.post("/v1/segments/recount")
    async def recount(body: RecountBody, who: Changer, request: Request) -> JSONResponse:
        """Look at every lead, whether anything happened to it or not."""
        wanted = RecountSegments(reason=body.reason, requested_by=who.key_id)
        return await answer(service, await send_command(service, RecountSegments.TYPE, _RECOUNT_KEY, wanted, request))

    return router


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in row.items()}
