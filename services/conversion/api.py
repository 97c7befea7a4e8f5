"""HTTP of conversion: convert, opportunities, accounts, contacts. Every change is a command."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.conversion.adapters.postgres.reads import (
    find_account,
    find_contact,
    find_opportunity,
    opportunities_page,
)
from shared.contracts.commands.sales import ChangeOpportunity, ConvertLead
from shared.runtime.access import Principal, Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.paging import DEFAULT_PAGE, Cursor, PageSize, cursor_of, read_cursor
from shared.runtime.reading import known_id, not_found, reading
from shared.runtime.service import Service

_READ: Final = [Depends(Requires("read"))]
_Changer = Annotated[Principal, Depends(Requires("change"))]
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


def conversion_router(service: Service) -> APIRouter:
    """Every route that only conversion has."""
    router = APIRouter(prefix="/v1")
    _leads(router, service)
    _opportunities(router, service)
    _parties(router, service)
    return router


def _leads(router: APIRouter, service: Service) -> None:
    @router.post("/leads/{lead_id}/convert", tags=["leads"])
    async def convert(lead_id: str, who: _Changer, request: Request, body: ConvertBody | None = None) -> JSONResponse:
        """Convert a lead now. A second call, or one after the gate converted it, gives the first answer."""
        lead_id = known_id(lead_id, "lead")
        worth = body or ConvertBody()
        wanted = ConvertLead(lead_id=lead_id, requested_by=who.key_id, amount=worth.amount, currency=worth.currency)
        return await answer(service, await send_command(service, ConvertLead.TYPE, lead_id, wanted, request))


def _opportunities(router: APIRouter, service: Service) -> None:
    @router.get("/opportunities", dependencies=_READ, tags=["opportunities"])
    async def page(
        limit: PageSize = DEFAULT_PAGE, cursor: Cursor = None, account_id: str | None = None
    ) -> dict[str, Any]:
        """Opportunities in the order in which their conversions began. `next` is the cursor of the next page, null at the end."""
        account = None if account_id is None else known_id(account_id, "account")
        after = read_cursor(cursor)
        async with reading(service) as work:
            found = await opportunities_page(work, after, account, limit + 1)
        items = found[:limit]
        return {"items": items, "next": _cursor(items[-1]) if len(found) > limit else None}

    @router.get("/opportunities/{opportunity_id}", dependencies=_READ, tags=["opportunities"])
    async def one(opportunity_id: str) -> dict[str, Any]:
        """One opportunity, with the lead as it was at conversion."""
        wanted = known_id(opportunity_id, "opportunity")
        async with reading(service) as work:
            return await find_opportunity(work, wanted) or not_found("opportunity")

    @router.post("/opportunities/{opportunity_id}/change", tags=["opportunities"])
    async def change(opportunity_id: str, body: ChangeBody, who: _Changer, request: Request) -> JSONResponse:
        """Change stage, amount or owner."""
        key = known_id(opportunity_id, "opportunity")
        given = body.model_dump(exclude_none=True)
        wanted = ChangeOpportunity(opportunity_id=key, requested_by=who.key_id, **given)
        return await answer(service, await send_command(service, ChangeOpportunity.TYPE, key, wanted, request))


def _parties(router: APIRouter, service: Service) -> None:
    @router.get("/accounts/{account_id}", dependencies=_READ, tags=["accounts"])
    async def account(account_id: str) -> dict[str, Any]:
        """An account with its contacts and opportunities."""
        wanted = known_id(account_id, "account")
        async with reading(service) as work:
            return await find_account(work, wanted) or not_found("account")

    @router.get("/contacts/{contact_id}", dependencies=_READ, tags=["contacts"])
    async def contact(contact_id: str) -> dict[str, Any]:
        """A contact."""
        wanted = known_id(contact_id, "contact")
        async with reading(service) as work:
            return await find_contact(work, wanted) or not_found("contact")


def _cursor(last: dict[str, Any]) -> str:
    return cursor_of(datetime.fromisoformat(last["created_at"]), last["opportunity_id"])
