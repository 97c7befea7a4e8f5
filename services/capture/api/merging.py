"""`POST /v1/leads/{lead_id}/merge`: join another lead to this one, by a command."""

from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.commands.capture import MergeLeads
from shared.runtime.access import Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.problems import Problem
from shared.runtime.service import Service


class MergeRequest(BaseModel):
    """Which lead is joined to the one in the path, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    loser_id: UUID
    reason: str = Field(min_length=1, max_length=500)


def merging_router(service: Service) -> APIRouter:
    """The route."""
    router = APIRouter(tags=["leads"])

    @router.post("/v1/leads/{lead_id}/merge", dependencies=[Depends(Requires("change"))])
    async def merge(lead_id: str, wanted: MergeRequest, request: Request) -> JSONResponse:
        try:
            winner_id = str(UUID(lead_id))
        except ValueError:
            raise Problem(404, "unknown_lead", "There is no such lead.") from None
        command = MergeLeads(winner_id=winner_id, loser_id=str(wanted.loser_id), reason=wanted.reason)
        return await answer(service, await send_command(service, MergeLeads.TYPE, winner_id, command, request))

    return router
