"""Merging by command: `POST /v1/leads/{lead_id}/merge` and `/unmerge`, and what a merge was."""

from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.capture.adapters.postgres.merges import PostgresMergeBook
from shared.contracts.commands.capture import MergeLeads, UnmergeLeads
from shared.runtime.access import Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.problems import Problem
from shared.runtime.reading import known_id, not_found, reading
from shared.runtime.service import Service


class MergeRequest(BaseModel):
    """Which lead is joined to the one in the path, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    loser_id: UUID
    reason: str = Field(min_length=1, max_length=500)


class UnmergeRequest(BaseModel):
    """Which merge of the lead in the path is taken back, and why. Without an id: the one that merged the lead away."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    merge_id: UUID | None = None
    reason: str = Field(min_length=1, max_length=500)


def merging_router(service: Service, merges: PostgresMergeBook) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["leads"])

    @router.post("/v1/leads/{lead_id}/merge", dependencies=[Depends(Requires("change"))])
    async def merge(lead_id: str, wanted: MergeRequest, request: Request) -> JSONResponse:
        winner_id = _lead(lead_id)
        command = MergeLeads(winner_id=winner_id, loser_id=str(wanted.loser_id), reason=wanted.reason)
        return await answer(service, await send_command(service, MergeLeads.TYPE, winner_id, command, request))

    @router.post("/v1/leads/{lead_id}/unmerge", dependencies=[Depends(Requires("change"))])
    async def unmerge(lead_id: str, wanted: UnmergeRequest, request: Request) -> JSONResponse:
        named = _lead(lead_id)
        merge_id = str(wanted.merge_id) if wanted.merge_id is not None else None
        command = UnmergeLeads(lead_id=named, merge_id=merge_id, reason=wanted.reason)
        return await answer(service, await send_command(service, UnmergeLeads.TYPE, named, command, request))

    @router.get("/v1/merges/{merge_id}", dependencies=[Depends(Requires("read"))])
    async def show(merge_id: str) -> JSONResponse:
        wanted = known_id(merge_id, "merge")
        async with reading(service) as work:
            found = (await merges.find(work, [wanted])).get(wanted)
        return JSONResponse(found._asdict() if found is not None else not_found("merge"))

    return router


def _lead(lead_id: str) -> str:
    try:
        return str(UUID(lead_id))
    except ValueError:
        raise Problem(404, "unknown_lead", "There is no such lead.") from None
