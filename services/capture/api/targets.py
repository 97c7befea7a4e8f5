"""Targets by list: how many there are, which have had their time, and what becomes of those. Changes are commands."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.capture.adapters.postgres.targets import PostgresTargetBook, count_due, target_lists
from services.capture.api.marking import Changer
from services.capture.domain.expiring import LONGEST_DAYS
from services.capture.handlers.note_targets import list_id
from shared.contracts.commands.capture import SetTargetList
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work
from shared.runtime.access import Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.reading import reading
from shared.runtime.service import Service

_Name = Annotated[str, Query(alias="list", max_length=256)]
_SAMPLE = 10


class ListBody(BaseModel):
    """What becomes of a list's targets that do not respond in time. An empty name is for all other lists."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    list: str = Field("", max_length=256)
    ttl_days: int = Field(ge=0, le=LONGEST_DAYS)
    then: Literal["expire", "follow_up", "purge"] = "expire"
    campaign: str | None = Field(None, max_length=256)


def targets_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["targets"])
    book = PostgresTargetBook()

    @router.get("/v1/targets/lists", dependencies=[Depends(Requires("read"))])
    async def lists() -> dict[str, Any]:
        """Lists with targets that have not responded."""
        async with reading(service) as work:
            return {"items": [await _shown(row, book, work) for row in await target_lists(work)]}

    @router.get("/v1/targets/expiring", dependencies=[Depends(Requires("read"))])
    async def expiring(name: _Name | None = None, at: datetime | None = None) -> dict[str, Any]:
        """What would become of whom now, or at another moment, list by list. Nothing is changed."""
        async with reading(service) as work:
            items = [
                await _expiring(row["list_name"], _in_utc(at or work.now), book, work)
                for row in await target_lists(work, name)
            ]
        return {"dry_run": True, "items": items, "due": sum(item["due"] for item in items)}

    @router.put("/v1/targets/lists")
    async def set_list(body: ListBody, who: Changer, request: Request) -> JSONResponse:
        """Set how long targets may take to respond, and what follows; it holds at once, for those that are there too."""
        wanted = SetTargetList(
            list_name=body.list, ttl_days=body.ttl_days, then=body.then, campaign=body.campaign, requested_by=who.key_id
        )
        sent = await send_command(service, SetTargetList.TYPE, list_id(body.list), wanted, request)
        return await answer(service, sent)

    return router


def _in_utc(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


async def _shown(row: dict[str, Any], book: PostgresTargetBook, work: Work) -> dict[str, Any]:
    policy = (await book.policies(work, [row["list_name"]]))[row["list_name"]]
    return {
        "list": row["list_name"],
        "targets": row["targets"],
        "oldest": rfc3339(row["oldest"]),
        "ttl_days": policy.ttl_days,
        "then": policy.action,
        "campaign": policy.campaign,
        "next_at": rfc3339(row["oldest"] + policy.ttl),
    }


async def _expiring(name: str, at: datetime, book: PostgresTargetBook, work: Work) -> dict[str, Any]:
    policy = (await book.policies(work, [name]))[name]
    before = policy.listed_before(at)
    return {
        "list": name,
        "due": await count_due(work, name, before),
        "then": policy.action,
        "campaign": policy.campaign,
        "ttl_days": policy.ttl_days,
        "lead_ids": list(await book.due(work, name, before, _SAMPLE)),
    }
