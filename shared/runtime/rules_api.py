"""Rules over HTTP, alike for every service that applies rules: their history, and publishing as a command."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.commands.rules import PublishRules
from shared.contracts.envelope import rfc3339
from shared.persistence.rule_versions import read_history
from shared.runtime.access import Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.problems import Problem
from shared.runtime.reading import reading
from shared.runtime.service import Service

MAX_DOCUMENT_BYTES: Final = 700_000  # with its JSON escapes it must fit into one record
_Said = Annotated[str, Field(min_length=1, max_length=1000)]


class RulesToPublish(BaseModel):
    """A rule document (YAML) with who publishes it and why."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    document: Annotated[str, Field(min_length=1)]
    author: _Said
    reason: _Said


def rules_router(service: Service, applied: str) -> APIRouter:
    """`GET` and `POST /v1/rules/{kind}` of the one kind that the service applies; 404 for any other."""
    router = APIRouter(prefix="/v1/rules", tags=["rules"])

    @router.get("/{kind}", dependencies=[Depends(Requires("read"))])
    async def history(kind: str) -> dict[str, Any]:
        """The published versions, newest first; the active one is marked."""
        _require(kind, applied)
        async with reading(service) as work:
            rows = await read_history(work, kind)
        return {"kind": kind, "versions": [{**row, "published_at": rfc3339(row["published_at"])} for row in rows]}

    @router.post("/{kind}", dependencies=[Depends(Requires("change"))])
    async def publish(kind: str, body: RulesToPublish, request: Request) -> JSONResponse:
        """Publish a document: 200 once it is live, 409 with the problems when it is refused, else 202."""
        _require(kind, applied)
        if len(body.document.encode()) > MAX_DOCUMENT_BYTES:
            raise Problem(413, "too_large", f"A document has at most {MAX_DOCUMENT_BYTES} bytes.", field="document")
        wanted = PublishRules(kind=kind, document=body.document, author=body.author, reason=body.reason)
        sent = await send_command(service, PublishRules.TYPE, f"{service.name}/{kind}", wanted, request)
        return await answer(service, sent)

    return router


def _require(kind: str, applied: str) -> None:
    if kind != applied:
        raise Problem(404, "not_found", f"This service applies rules of the kind {applied} only.")
