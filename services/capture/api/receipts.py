"""`GET /v1/receipts/{receipt_id}`: what became of a submission."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from services.capture.adapters.postgres.receipts import PostgresReceiptBook
from services.capture.domain.receipt import event_of, receipt_of
from shared.contracts import ids
from shared.contracts.envelope import rfc3339
from shared.persistence.aliases import resolve
from shared.persistence.database import is_transient
from shared.runtime.access import Principal, Requires
from shared.runtime.problems import Problem
from shared.runtime.service import Service


async def may_look(request: Request) -> Principal:
    """Who may read, and a source that may send: it looks where its own leads went."""
    try:
        return await Requires("read")(request)
    except Problem as problem:
        if problem.status != 403:
            raise
        return await Requires("send")(request)


def receipts_router(service: Service, book: PostgresReceiptBook, secret: bytes) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["receipts"])
    looker = Depends(may_look)

    @router.get("/v1/receipts/{receipt_id}")
    async def show(receipt_id: str, principal: Principal = looker) -> JSONResponse:
        event_id = event_of(receipt_id, secret=secret)
        if event_id is None:
            raise _unknown()
        return await _answer(event_id, principal)

    @router.get("/v1/receipts")
    async def find(
        source: Annotated[str, Query(max_length=128)],
        id: Annotated[str, Query(max_length=1024)],
        principal: Principal = looker,
    ) -> JSONResponse:
        """By the source's name and its own event id, `ce_id` or Idempotency-Key."""
        return await _answer(ids.root_event_id(source, id), principal, must_exist=True)

    async def _answer(event_id: str, principal: Principal, *, must_exist: bool = False) -> JSONResponse:
        rows = await _read(service, book, event_id)
        if rows and principal.source is not None and rows[0]["source"] != principal.source:
            raise _unknown()
        if rows:
            return JSONResponse(_settled(rows, secret))
        if must_exist:
            raise _unknown()
        return JSONResponse({"receipt_id": receipt_of(event_id, secret=secret), "status": "accepted"})

    return router


def _unknown() -> Problem:
    return Problem(404, "unknown_receipt", "There is no such receipt.")


async def _read(service: Service, book: PostgresReceiptBook, event_id: str) -> Sequence[dict[str, Any]]:
    try:
        async with service.database.transaction(service.clock()) as work:
            rows = await book.read(work, event_id)
            survivors = await resolve(work, {row["lead_id"] for row in rows if row["lead_id"]})
    except Exception as error:
        if not is_transient(error):
            raise
        detail = "Receipts cannot be read now. The submission is safe."
        raise Problem(503, "unavailable", detail, headers={"Retry-After": "2"}) from error
    for row in rows:
        row["lead_id"] = survivors.get(row["lead_id"], row["lead_id"])
    return rows


def _settled(rows: Sequence[Mapping[str, Any]], secret: bytes) -> dict[str, Any]:
    """The receipt, and what became of later records with the same event id (retries, conflicts)."""
    first, *repeats = (_shown(row, secret) for row in rows)
    return {**first, "repeats": repeats} if repeats else first


def _shown(row: Mapping[str, Any], secret: bytes) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "receipt_id": receipt_of(row["receipt_id"], secret=secret),
        "status": row["outcome"],
        "reason": row["reason"],
        "field": row["field"],
        "lead_id": row["lead_id"],
        "source": row["source"],
        "received_at": rfc3339(row["received_at"]),
        "settled_at": rfc3339(row["settled_at"]),
    }
    if row.get("reasons"):
        shown["reasons"] = row["reasons"]
    if row.get("rule"):
        shown |= {"rule": row["rule"], "detail": row["said"]}
    return shown if row["row_number"] is None else {**shown, "row": row["row_number"]}
