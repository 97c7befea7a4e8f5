"""HTTP of routing: queues, members, assignments, rules. Every change is a command."""

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Final, NoReturn
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from services.routing.adapters.postgres.leads import PostgresLeads
from services.routing.adapters.postgres.reads import BEGINNING, After, find_lead, queue_page
from services.routing.adapters.postgres.roster import PostgresMembers
from services.routing.adapters.postgres.rules import PostgresRules
from services.routing.domain.rules import KIND, is_member_id, is_queue_name
from services.routing.handlers.events import is_lead_id
from services.routing.ports import RoutedLead
from shared.contracts.commands.routing import ReassignLead, SetMember
from shared.contracts.commands.rules import PublishRules
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work
from shared.persistence.database import is_transient
from shared.runtime.access import Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.problems import Problem
from shared.runtime.service import Service

MAX_PAGE: Final = 200
_READ: Final = [Depends(Requires("read"))]
_CHANGE: Final = [Depends(Requires("change"))]
_MAX_DOCUMENT: Final = 1024 * 1024


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


class RulesBody(_Body):
    """A rule document (YAML) with who publishes it and why."""

    document: str = Field(max_length=_MAX_DOCUMENT)
    author: str = Field(min_length=1, max_length=1000)
    reason: str = Field(min_length=1, max_length=1000)


def routing_router(service: Service) -> APIRouter:
    """Every route of routing."""
    router = APIRouter(prefix="/v1")
    _queues(router, service)
    _leads(router, service)
    _members(router, service)
    _rules(router, service)
    return router


def _queues(router: APIRouter, service: Service) -> None:
    rules, leads = PostgresRules(), PostgresLeads()

    @router.get("/queues/{queue}/leads", dependencies=_READ, tags=["queues"])
    async def leads_of_queue(
        queue: str, limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50, cursor: str | None = None
    ) -> Response:
        """The leads that wait in a queue, the longest waiting first. `next` is the cursor of the next page."""
        after = _after(cursor)
        async with _reading(service) as work:
            declared = is_queue_name(queue) and queue in (await rules.read(work)).queues
            if not declared and queue not in await leads.queues_in_use(work):
                _not_found("queue")
            found = await queue_page(work, queue, after, limit + 1)
        page = found[:limit]
        more = _cursor(page[-1]) if len(found) > limit else None
        return _json({"queue": queue, "items": [_waiting(lead) for lead in page], "next": more})


def _leads(router: APIRouter, service: Service) -> None:
    @router.get("/leads/{lead_id}/assignment", dependencies=_READ, tags=["leads"])
    async def assignment_of_lead(lead_id: str) -> Response:
        """Who holds a lead, and why: every rule that was tried."""
        asked = _lead(lead_id)
        async with _reading(service) as work:
            found = await find_lead(work, asked)
        if found is None:
            _not_found("lead")
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
        asked = _lead(lead_id)
        wanted = ReassignLead(lead_id=asked, owner=body.owner, queue=body.queue, reason=body.reason)
        return await answer(service, await send_command(service, ReassignLead.TYPE, asked, wanted, request))


def _members(router: APIRouter, service: Service) -> None:
    members = PostgresMembers()

    @router.get("/members", dependencies=_READ, tags=["members"])
    async def every_member() -> dict[str, Any]:
        """Every member, in the order in which turns are given."""
        async with _reading(service) as work:
            return {"items": await members.find(work)}

    @router.get("/members/{member_id}", dependencies=_READ, tags=["members"])
    async def member(member_id: str) -> dict[str, Any]:
        """One member."""
        _require_member(member_id)
        async with _reading(service) as work:
            found = await members.find(work, member_id)
        if not found:
            _not_found("member")
        return found[0]

    @router.put("/members/{member_id}", dependencies=_CHANGE, tags=["members"])
    async def set_member(member_id: str, body: MemberBody, request: Request) -> JSONResponse:
        """Create or replace a member."""
        _require_member(member_id)
        wanted = SetMember(member_id=member_id, name=body.name, queues=body.queues, active=body.active)
        return await answer(service, await send_command(service, SetMember.TYPE, member_id, wanted, request))


def _rules(router: APIRouter, service: Service) -> None:
    rules = PostgresRules()

    @router.get("/rules/{kind}", dependencies=_READ, tags=["rules"])
    async def history(kind: str) -> Response:
        """The published versions, newest first; the active one is marked."""
        _require_kind(kind)
        async with _reading(service) as work:
            return _json({"kind": kind, "versions": await rules.history(work)})

    @router.post("/rules/{kind}", dependencies=_CHANGE, tags=["rules"])
    async def publish(kind: str, body: RulesBody, request: Request) -> JSONResponse:
        """Make a document the active version; a broken one is refused with line and what was expected."""
        _require_kind(kind)
        wanted = PublishRules(kind=kind, document=body.document, author=body.author, reason=body.reason)
        sent = await send_command(service, PublishRules.TYPE, f"{service.name}/{kind}", wanted, request)
        return await answer(service, sent)


@asynccontextmanager
async def _reading(service: Service) -> AsyncIterator[Work]:
    """A transaction to read in; 503 while Postgres is away."""
    try:
        async with service.database.transaction(service.clock()) as work:
            yield work
    except Exception as error:
        if not is_transient(error):
            raise
        raise Problem(503, "unavailable", "The database does not answer.", headers={"Retry-After": "2"}) from error


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


def _cursor(last: RoutedLead) -> str:
    return base64.urlsafe_b64encode(f"{rfc3339(last.assigned_at)}|{last.lead_id}".encode()).decode()


def _after(cursor: str | None) -> After:
    if cursor is None:
        return BEGINNING
    after = None
    try:
        at, _, lead_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition("|")
        after = After(datetime.fromisoformat(at), lead_id)
    except (ValueError, binascii.Error):
        pass
    if after is None or after.assigned_at.tzinfo is None or not is_lead_id(after.lead_id):
        raise Problem(422, "invalid_cursor", "Pass `next` of the page before, unchanged.", field="cursor")
    return after


def _lead(lead_id: str) -> str:
    """The id as ids are written here; 404 where it is none."""
    try:
        return str(UUID(lead_id))
    except ValueError:
        _not_found("lead")


def _require_member(member_id: str) -> None:
    if not is_member_id(member_id):
        _not_found("member")


def _require_kind(kind: str) -> None:
    if kind != KIND:
        _not_found("kind of rules")


def _not_found(what: str) -> NoReturn:
    raise Problem(404, "not_found", f"Routing has no such {what}.")
