"""What people say of a lead that no submission tells: it cannot be reached, it has responded. Every change is a command."""

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.commands.capture import MarkLead, PromoteLead
from shared.runtime.access import Principal, Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.reading import known_id
from shared.runtime.service import Service

Changer = Annotated[Principal, Depends(Requires("change"))]
Reason = Annotated[str, Field(min_length=1, max_length=1000)]
_CONFIG: Final = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class MarkBody(BaseModel):
    """What is known of a way to reach somebody, and from what."""

    model_config = _CONFIG

    mark: Literal["bounced", "invalid_phone", "opted_out", "reachable"]
    channel: Literal["email", "phone"] | None = None
    reason: Reason


class PromoteBody(BaseModel):
    """How the target responded."""

    model_config = _CONFIG

    reason: Reason


def marking_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["leads"])

    @router.post("/v1/leads/{lead_id}/mark")
    async def mark(lead_id: str, body: MarkBody, who: Changer, request: Request) -> JSONResponse:
        """Note that a lead cannot be reached by a channel, or can again."""
        asked = known_id(lead_id, "lead")
        wanted = MarkLead(
            lead_id=asked, mark=body.mark, channel=body.channel, reason=body.reason, requested_by=who.key_id
        )
        return await answer(service, await send_command(service, MarkLead.TYPE, asked, wanted, request))

    @router.post("/v1/leads/{lead_id}/promote")
    async def promote(lead_id: str, body: PromoteBody, who: Changer, request: Request) -> JSONResponse:
        """Make a lead of a target that has responded."""
        asked = known_id(lead_id, "lead")
        wanted = PromoteLead(lead_id=asked, reason=body.reason, requested_by=who.key_id)
        return await answer(service, await send_command(service, PromoteLead.TYPE, asked, wanted, request))

    return router
