"""Behaviour seen otherwise, by commands: unlink a visitor, judge stored events again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.commands.behaviour import ReclassifyBehaviour, UnlinkVisitor
from shared.contracts.envelope import rfc3339
from shared.runtime.access import Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.problems import Problem
from shared.runtime.service import Service

Sign = Annotated[str, Field(min_length=1, max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=500)]


class Unlinking(BaseModel):
    """Which lead the visitor was not, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    lead_id: UUID
    reason: Reason


class Reclassifying(BaseModel):
    """Which events are judged again, by which further lists, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    since: datetime
    until: datetime
    after: str | None = Field(None, max_length=60)
    user_agents: list[Sign] = Field([], max_length=1000)
    networks: list[Sign] = Field([], max_length=1000)
    reason: Reason


def judging_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["events"], dependencies=[Depends(Requires("change"))])

    @router.post("/v1/visitors/{visitor}/unlink")
    async def unlink(visitor: str, wanted: Unlinking, request: Request) -> JSONResponse:
        if len(visitor) != 32 or not visitor.isascii() or not visitor.isalnum():
            raise Problem(404, "unknown_visitor", "A visitor is the digest that the events of its lead name.")
        command = UnlinkVisitor(visitor=visitor, lead_id=str(wanted.lead_id), reason=wanted.reason)
        return await answer(service, await send_command(service, UnlinkVisitor.TYPE, visitor, command, request))

    @router.post("/v1/events/reclassify")
    async def reclassify(wanted: Reclassifying, request: Request) -> JSONResponse:
        """One step; the result's `next` is the `after` of the following one, until there is none."""
        said = {**wanted.model_dump(), "since": rfc3339(wanted.since), "until": rfc3339(wanted.until)}
        command = ReclassifyBehaviour(**said)
        sent = await send_command(service, ReclassifyBehaviour.TYPE, "reclassify", command, request)
        return await answer(service, sent)

    return router
