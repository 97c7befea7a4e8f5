"""HTTP of conversion: convert, opportunities, accounts, contacts, the gate. Every change is a command."""

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Final, NoReturn

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.conversion.adapters.postgres.gates import PostgresGates
from services.conversion.adapters.postgres.reads import (
    FIRST_PAGE,
    After,
    find_account,
    find_contact,
    find_opportunity,
    opportunities_page,
)
from services.conversion.domain.gate import KIND
from services.conversion.domain.lead_ids import is_lead_id
from shared.contracts.commands.rules import PublishRules
from shared.contracts.commands.sales import ChangeOpportunity, ConvertLead
from shared.handling.work import Work
from shared.persistence.database import is_transient
from shared.runtime.access import Principal, Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.problems import Problem
from shared.runtime.service import Service

MAX_PAGE: Final = 200
_READ: Final = [Depends(Requires("read"))]
_Changer = Annotated[Principal, Depends(Requires("change"))]
_MAX_DOCUMENT: Final = 700_000  # with its JSON escapes it must fit into one record
_Amount = Annotated[str | None, Field(max_length=40)]
_Currency = Annotated[str | None, Field(max_length=3)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ConvertBody(_Body):
    """What the opportunity is worth, where that differs from the lead's budget."""

    amount: _Amount = None
    currency: _Currency = None


class ChangeBody(_Body):
    """What to change; absent fields stay."""

    stage: Annotated[str | None, Field(max_length=100)] = None
    amount: _Amount = None
    currency: _Currency = None
    owner: Annotated[str | None, Field(min_length=1, max_length=200)] = None


class RulesBody(_Body):
    """A rule document (YAML) with who publishes it and why."""

    document: str = Field(max_length=_MAX_DOCUMENT)
    author: str = Field(min_length=1, max_length=1000)
    reason: str = Field(min_length=1, max_length=1000)


def conversion_router(service: Service) -> APIRouter:
    """Every route of conversion."""
    router = APIRouter(prefix="/v1")
    _leads(router, service)
    _opportunities(router, service)
    _parties(router, service)
    _rules(router, service)
    return router


def _leads(router: APIRouter, service: Service) -> None:
    @router.post("/leads/{lead_id}/convert", tags=["leads"])
    async def convert(lead_id: str, who: _Changer, request: Request, body: ConvertBody | None = None) -> JSONResponse:
        """Convert a lead now. A second call, or one after the gate converted it, gives the first answer."""
        lead_id = _id(lead_id, "lead")
        worth = body or ConvertBody()
        wanted = ConvertLead(lead_id=lead_id, requested_by=who.key_id, amount=worth.amount, currency=worth.currency)
        return await answer(service, await send_command(service, ConvertLead.TYPE, lead_id, wanted, request))


def _opportunities(router: APIRouter, service: Service) -> None:
    @router.get("/opportunities", dependencies=_READ, tags=["opportunities"])
    async def page(
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 50,
        cursor: Annotated[str | None, Query(max_length=200)] = None,
        account_id: str | None = None,
    ) -> dict[str, Any]:
        """Opportunities in the order in which their conversions began. `next` is the cursor of the next page, null at the end."""
        account = None if account_id is None else _id(account_id, "account")
        after = _after(cursor)
        async with _reading(service) as work:
            found = await opportunities_page(work, after, account, limit + 1)
        items = found[:limit]
        return {"items": items, "next": _cursor(items[-1]) if len(found) > limit else None}

    @router.get("/opportunities/{opportunity_id}", dependencies=_READ, tags=["opportunities"])
    async def one(opportunity_id: str) -> dict[str, Any]:
        """One opportunity, with the lead as it was at conversion."""
        wanted = _id(opportunity_id, "opportunity")
        async with _reading(service) as work:
            return await find_opportunity(work, wanted) or _not_found("opportunity")

    @router.post("/opportunities/{opportunity_id}/change", tags=["opportunities"])
    async def change(opportunity_id: str, body: ChangeBody, who: _Changer, request: Request) -> JSONResponse:
        """Change stage, amount or owner."""
        key = _id(opportunity_id, "opportunity")
        given = body.model_dump(exclude_none=True)
        wanted = ChangeOpportunity(opportunity_id=key, requested_by=who.key_id, **given)
        return await answer(service, await send_command(service, ChangeOpportunity.TYPE, key, wanted, request))


def _parties(router: APIRouter, service: Service) -> None:
    @router.get("/accounts/{account_id}", dependencies=_READ, tags=["accounts"])
    async def account(account_id: str) -> dict[str, Any]:
        """An account with its contacts and opportunities."""
        wanted = _id(account_id, "account")
        async with _reading(service) as work:
            return await find_account(work, wanted) or _not_found("account")

    @router.get("/contacts/{contact_id}", dependencies=_READ, tags=["contacts"])
    async def contact(contact_id: str) -> dict[str, Any]:
        """A contact."""
        wanted = _id(contact_id, "contact")
        async with _reading(service) as work:
            return await find_contact(work, wanted) or _not_found("contact")


def _rules(router: APIRouter, service: Service) -> None:
    gates = PostgresGates()

    @router.get("/rules/{kind}", dependencies=_READ, tags=["rules"])
    async def history(kind: str) -> dict[str, Any]:
        """The published versions, newest first; the active one is marked."""
        _require_kind(kind)
        async with _reading(service) as work:
            return {"kind": kind, "versions": await gates.history(work)}

    @router.post("/rules/{kind}", tags=["rules"])
    async def publish(kind: str, body: RulesBody, _who: _Changer, request: Request) -> JSONResponse:
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


def _cursor(last: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"{last['created_at']}|{last['opportunity_id']}".encode()).decode()


def _after(cursor: str | None) -> After:
    if cursor is None:
        return FIRST_PAGE
    try:
        at, _, opportunity_id = base64.b64decode(cursor, altchars=b"-_", validate=True).decode().partition("|")
        after = After(datetime.fromisoformat(at), opportunity_id)
    except (ValueError, binascii.Error):
        after = FIRST_PAGE
    if after == FIRST_PAGE or after.created_at.tzinfo is None or not is_lead_id(after.opportunity_id):
        raise Problem(422, "invalid_cursor", "Pass `next` of the page before, unchanged.", field="cursor")
    return after


def _id(value: str, what: str) -> str:
    """The id in its canonical form; 404 for what cannot be one."""
    wanted = value.lower()
    return wanted if is_lead_id(wanted) else _not_found(what)


def _require_kind(kind: str) -> None:
    if kind != KIND:
        _not_found("kind of rules")


def _not_found(what: str) -> NoReturn:
    raise Problem(404, "not_found", f"Conversion has no such {what}.")
