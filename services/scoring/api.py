"""HTTP of scoring: a lead's score and why, the rules' history, and publishing rules."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.scoring.adapters.postgres import read_history, read_score
from services.scoring.domain.model import KIND
from shared.contracts.commands.rules import PublishRules
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work
from shared.persistence.database import is_transient
from shared.runtime.access import Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.problems import Problem
from shared.runtime.service import Service

MAX_DOCUMENT_BYTES: Final = 700_000  # with its JSON escapes it must fit into one record


class RulesToPublish(BaseModel):
    """A rule document and who wants it live, why."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    document: Annotated[str, Field(min_length=1)]
    author: Annotated[str, Field(min_length=1, max_length=200)]
    reason: Annotated[str, Field(min_length=1, max_length=1000)]


def scores_router(service: Service) -> APIRouter:
    """`GET /v1/leads/{lead_id}/score`."""
    router = APIRouter(tags=["scores"])

    @router.get("/v1/leads/{lead_id}/score", dependencies=[Depends(Requires("read"))])
    async def read(lead_id: str) -> JSONResponse:
        """The newest score of a lead, with every contribution. A merged lead answers with its winner's."""
        asked = _canonical_id(lead_id)
        async with _reading(service) as work:
            shown = await read_score(work, asked)
        if shown is None:
            raise Problem(404, "not_found", "There is no score for a lead with this id.")
        body: dict[str, Any] = {
            "lead_id": shown.lead_id,
            "lead_version": shown.lead_version,
            "score": orjson.loads(shown.score),
            "score_version": shown.score_version,
            "updated_at": rfc3339(shown.updated_at),
        }
        return JSONResponse(body)

    return router


def rules_router(service: Service) -> APIRouter:
    """`GET` and `POST /v1/rules/{kind}`."""
    router = APIRouter(tags=["rules"])

    @router.get("/v1/rules/{kind}", dependencies=[Depends(Requires("read"))])
    async def history(kind: str) -> JSONResponse:
        """The published versions, newest first; the active one is marked."""
        _require_kind(kind)
        async with _reading(service) as work:
            rows = await read_history(work, kind)
        versions = [{**row, "published_at": rfc3339(row["published_at"])} for row in rows]
        return JSONResponse({"kind": kind, "versions": versions})

    @router.post("/v1/rules/{kind}", dependencies=[Depends(Requires("change"))])
    async def publish(kind: str, body: RulesToPublish, request: Request) -> JSONResponse:
        """Publish a document: 200 once it is live, 409 with the problems when it is refused, else 202."""
        _require_kind(kind)
        if len(body.document.encode()) > MAX_DOCUMENT_BYTES:
            raise Problem(413, "too_large", f"A document has at most {MAX_DOCUMENT_BYTES} bytes.", field="document")
        wanted = PublishRules(kind=kind, document=body.document, author=body.author, reason=body.reason)
        sent = await send_command(service, PublishRules.TYPE, f"{service.name}/{kind}", wanted, request)
        return await answer(service, sent)

    return router


def _canonical_id(lead_id: str) -> str:
    try:
        return str(UUID(lead_id))
    except ValueError:
        raise Problem(404, "not_found", "There is no score for a lead with this id.") from None


def _require_kind(kind: str) -> None:
    if kind != KIND:
        raise Problem(404, "not_found", f"This service applies rules of the kind {KIND} only.")


@asynccontextmanager
async def _reading(service: Service) -> AsyncIterator[Work]:
    """A transaction to read in; 503 while the database is away."""
    try:
        async with service.database.transaction(service.clock()) as work:
            yield work
    except Exception as error:
        if is_transient(error):
            detail = "The database cannot be reached now. Try again."
            raise Problem(503, "unavailable", detail, headers={"Retry-After": "2"}) from error
        raise
