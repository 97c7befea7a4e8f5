"""`/v1/quarantine`: what waits, what was submitted, and the two commands that settle it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.capture.adapters.postgres.quarantine import PostgresQuarantineBook
from services.capture.domain.receipt import event_of, receipt_of
from shared.contracts.commands.capture import RejectQuarantined, ReleaseQuarantined
from shared.contracts.envelope import rfc3339
from shared.runtime.access import Principal, Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.paging import DEFAULT_PAGE, Cursor, PageSize, cursor_of, read_cursor
from shared.runtime.problems import Problem
from shared.runtime.reading import reading
from shared.runtime.service import Service

State = Literal["held", "released", "rejected", "erased"]
_Verdict: TypeAlias = type[ReleaseQuarantined] | type[RejectQuarantined]
# What was submitted is personal: only who may settle it sees it.
Settler = Annotated[Principal, Depends(Requires("change"))]


class Note(BaseModel):
    """Why it is settled like this."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    note: str = Field(min_length=1, max_length=500)


def quarantine_router(service: Service, book: PostgresQuarantineBook, secret: bytes) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/quarantine", tags=["quarantine"])

    @router.get("", dependencies=[Depends(Requires("read"))])
    async def listed(
        state: State | None = "held",
        source: Annotated[str | None, Query(max_length=128)] = None,
        limit: PageSize = DEFAULT_PAGE,
        cursor: Cursor = None,
    ) -> dict[str, Any]:
        """The newest first, without what was submitted."""
        async with reading(service) as work:
            rows = await book.page(work, state=state, source=source, before=read_cursor(cursor), limit=limit + 1)
        shown, more = rows[:limit], rows[limit:]
        following = cursor_of(shown[-1]["quarantined_at"], shown[-1]["event_id"]) if more else None
        return {"quarantine": [_shown(row, secret) for row in shown], "next": following}

    @router.get("/{receipt_id}")
    async def show(receipt_id: str, _: Settler) -> dict[str, Any]:
        async with reading(service) as work:
            row = await book.read(work, _event_of(receipt_id, secret))
        if row is None:
            raise _unknown()
        return _shown(row, secret)

    @router.post("/{receipt_id}/release")
    async def release(receipt_id: str, said: Note, by: Settler, request: Request) -> JSONResponse:
        return await _settle(ReleaseQuarantined, receipt_id, said, by, request)

    @router.post("/{receipt_id}/reject")
    async def reject(receipt_id: str, said: Note, by: Settler, request: Request) -> JSONResponse:
        return await _settle(RejectQuarantined, receipt_id, said, by, request)

    async def _settle(verdict: _Verdict, receipt_id: str, said: Note, by: Principal, request: Request) -> JSONResponse:
        event_id = _event_of(receipt_id, secret)
        command = verdict(event_id=event_id, requested_by=by.key_id, note=said.note)
        return await answer(service, await send_command(service, verdict.TYPE, event_id, command, request))

    return router


def _event_of(receipt_id: str, secret: bytes) -> str:
    event_id = event_of(receipt_id, secret=secret)
    if event_id is None:
        raise _unknown()
    return event_id


def _unknown() -> Problem:
    return Problem(404, "unknown_receipt", "There is no such receipt in quarantine.")


def _shown(row: Mapping[str, Any], secret: bytes) -> dict[str, Any]:
    """The row with its receipt in front, times as text."""
    plain = {name: rfc3339(value) if name.endswith("_at") and value else value for name, value in row.items()}
    return {"receipt_id": receipt_of(plain.pop("event_id"), secret=secret), **plain}
