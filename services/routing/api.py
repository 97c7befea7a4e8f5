"""HTTP of routing: queues, members, assignments. Every change is a command."""

from typing import Annotated, Any, Final, Literal

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from services.routing.adapters.postgres.leads import PostgresLeads
from services.routing.adapters.postgres.reads import find_lead, queue_page
from services.routing.adapters.postgres.roster import PostgresMembers
from services.routing.adapters.postgres.rules import PostgresRules
from services.routing.domain.rules import is_member_id, is_queue_name
from services.routing.ports import RoutedLead
from shared.contracts.commands.routing import ReassignLead, SetLeadStatus, SetMember
from shared.contracts.envelope import rfc3339
from shared.runtime.access import Principal, Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.paging import DEFAULT_PAGE, Cursor, PageSize, cursor_of, read_cursor
from shared.runtime.reading import known_id, not_found, reading
from shared.runtime.service import Service

_READ: Final = [Depends(Requires("read"))]
_CHANGE: Final = [Depends(Requires("change"))]
_Changer = Annotated[Principal, Depends(Requires("change"))]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class MemberBody(_Body):
    """A member as `PUT /v1/members/{id}` takes it."""

    name: str = Field(min_length=1, max_length=1000)
    queues: list[str] = Field([], max_length=1000)
    active: bool = True


class ReassignBody(_Body):
    """Exactly one of owner and queue, and why."""

    owner: str | None = None
    queue: str | None = None
    reason: str = Field(min_length=1, max_length=1000)


class StatusBody(_Body):
    """How far the work on a lead has come, and why."""

    status: Literal["open", "junk", "nurturing", "marketing", "disqualified"]
    reason: str = Field(min_length=1, max_length=1000)


def routing_router(service: Service) -> APIRouter:
    """Every route that only routing has."""
    router = APIRouter(prefix="/v1")
    _queues(router, service)
    _leads(router, service)
    _members(router, service)
    return router


def _queues(router: APIRouter, service: Service) -> None:
    rules, leads = PostgresRules(), PostgresLeads()

    @router.get("/queues/{queue}/leads", dependencies=_READ, tags=["queues"])
    async def leads_of_queue(queue: str, limit: PageSize = DEFAULT_PAGE, cursor: Cursor = None) -> Response:
        """The leads that wait in a queue, the longest waiting first. `next` is the cursor of the next page."""
        after = read_cursor(cursor)
        async with reading(service) as work:
            policy = await rules.read(work)
            declared = is_queue_name(queue) and (queue in policy.queues or queue in policy.holding.values())
            if not declared and queue not in await leads.queues_in_use(work):
                not_found("queue")
            found = await queue_page(work, queue, after, limit + 1)
        page = found[:limit]
        more = cursor_of(page[-1].assigned_at, page[-1].lead_id) if len(found) > limit else None
        return _json({"queue": queue, "items": [_waiting(lead) for lead in page], "next": more})


def _leads(router: APIRouter, service: Service) -> None:
    @router.get("/leads/{lead_id}/assignment", dependencies=_READ, tags=["leads"])
    async def assignment_of_lead(lead_id: str) -> Response:
        """Who holds a lead, and why: every rule that was tried."""
        asked = known_id(lead_id, "lead")
        async with reading(service) as work:
            found = await find_lead(work, asked)
        if found is None:
            not_found("lead")
        return _json(
            {
                "lead_id": found.lead_id,
                "lead_version": found.lead_version,
                "score_version": found.score_version,
                "assignment_version": found.assignment_version,
                "assignment": orjson.Fragment(found.assignment),
            }
        )

    @router.post("/leads/{lead_id}/reassign", dependencies=_CHANGE, tags=["leads"])
    async def reassign(lead_id: str, body: ReassignBody, request: Request) -> JSONResponse:
        """Give a lead to a member or a queue."""
        asked = known_id(lead_id, "lead")
        wanted = ReassignLead(lead_id=asked, owner=body.owner, queue=body.queue, reason=body.reason)
        return await answer(service, await send_command(service, ReassignLead.TYPE, asked, wanted, request))

    @router.post("/leads/{lead_id}/status", tags=["leads"])
    async def set_status(lead_id: str, body: StatusBody, who: _Changer, request: Request) -> JSONResponse:
        """Lay a lead aside, or take it up again. Every reason that was ever given stays."""
        asked = known_id(lead_id, "lead")
        wanted = SetLeadStatus(lead_id=asked, status=body.status, reason=body.reason, requested_by=who.key_id)
        return await answer(service, await send_command(service, SetLeadStatus.TYPE, asked, wanted, request))


def _members(router: APIRouter, service: Service) -> None:
    members = PostgresMembers()

    @router.get("/members", dependencies=_READ, tags=["members"])
    async def every_member() -> dict[str, Any]:
        """Every member, in the order in which turns are given."""
        async with reading(service) as work:
            return {"items": await members.find(work)}

    @router.get("/members/{member_id}", dependencies=_READ, tags=["members"])
    async def member(member_id: str) -> dict[str, Any]:
        """One member."""
        _require_member(member_id)
        async with reading(service) as work:
            found = await members.find(work, member_id)
        if not found:
            not_found("member")
        return found[0]

    @router.put("/members/{member_id}", dependencies=_CHANGE, tags=["members"])
    async def set_member(member_id: str, body: MemberBody, request: Request) -> JSONResponse:
        """Create or replace a member."""
        _require_member(member_id)
        wanted = SetMember(member_id=member_id, name=body.name, queues=body.queues, active=body.active)
        return await answer(service, await send_command(service, SetMember.TYPE, member_id, wanted, request))


def _json(body: Any) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


def _waiting(lead: RoutedLead) -> dict[str, Any]:
    return {
        "lead_id": lead.lead_id,
        "assigned_at": rfc3339(lead.assigned_at),
        "assignment": orjson.Fragment(lead.assignment),
        "score": orjson.Fragment(lead.score),
        "lead": orjson.Fragment(lead.lead),
    }


def _require_member(member_id: str) -> None:
    if not is_member_id(member_id):
        not_found("member")
