"""Rules over HTTP, alike for every service that applies rules: their versions, and publishing as a command."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.commands.rules import PublishRules
from shared.contracts.envelope import rfc3339
from shared.persistence.rule_versions import find_version, read_history, read_summaries
from shared.runtime.access import Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.problems import Problem
from shared.runtime.reading import not_found, reading
from shared.runtime.service import Service

MAX_DOCUMENT_BYTES: Final = 700_000  # with its JSON escapes it must fit into one record
LIVE: Final = "live"
_HIGHEST: Final = 2**31 - 1
_Said = Annotated[str, Field(min_length=1, max_length=1000)]


class RulesToPublish(BaseModel):
    """A rule document (YAML) with who publishes it and why."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    document: Annotated[str, Field(min_length=1)]
    author: _Said
    reason: _Said


class RulesToRollBack(BaseModel):
    """An earlier version that is to be published once more, with who wants it and why."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    version: Annotated[int, Field(ge=1, le=_HIGHEST)]
    author: _Said
    reason: _Said


def rules_router(service: Service, *applied: str) -> APIRouter:
    """`GET` and `POST /v1/rules/{kind}`, its versions, and the way back to one, of the kinds that the service applies; 404
    for any other."""
    router = APIRouter(prefix="/v1/rules", tags=["rules"])

    @router.get("/{kind}", dependencies=[Depends(Requires("read"))])
    async def history(kind: str) -> dict[str, Any]:
        """The published versions, newest first; the active one is marked."""
        _require(kind, applied)
        async with reading(service) as work:
            rows = await read_history(work, kind)
        return {"kind": kind, "versions": [_shown(row) for row in rows]}

    @router.get("/{kind}/versions", dependencies=[Depends(Requires("read"))])
    async def versions(kind: str) -> dict[str, Any]:
        """The same without the documents."""
        _require(kind, applied)
        async with reading(service) as work:
            rows = await read_summaries(work, kind)
        return {"kind": kind, "versions": [_shown(row) for row in rows]}

    @router.get("/{kind}/versions/{version}", dependencies=[Depends(Requires("read"))])
    async def one(kind: str, version: str) -> dict[str, Any]:
        """One version with its document; `live` is the active one."""
        _require(kind, applied)
        return {"kind": kind, **_shown(await _found(kind, _number(version)))}

    async def _found(kind: str, version: int | None) -> dict[str, Any]:
        async with reading(service) as work:
            row = await find_version(work, kind, version)
        return row if row is not None else not_found("version")

    @router.post("/{kind}", dependencies=[Depends(Requires("change"))])
    async def publish(kind: str, body: RulesToPublish, request: Request) -> JSONResponse:
        """Publish a document: 200 once it is live, 409 with the problems when it is refused, else 202."""
        _require(kind, applied)
        if len(body.document.encode()) > MAX_DOCUMENT_BYTES:
            raise Problem(413, "too_large", f"A document has at most {MAX_DOCUMENT_BYTES} bytes.", field="document")
        return await _publish(kind, body.document, body.author, body.reason, request)

    @router.post("/{kind}/rollback", dependencies=[Depends(Requires("change"))])
    async def roll_back(kind: str, body: RulesToRollBack, request: Request) -> JSONResponse:
        """Publish an earlier version's document as a new version, answered as publishing is: it has to pass today's
        check. The live version's own content keeps its number."""
        _require(kind, applied)
        earlier = await _found(kind, body.version)
        return await _publish(kind, earlier["document"], body.author, body.reason, request)

    async def _publish(kind: str, document: str, author: str, reason: str, request: Request) -> JSONResponse:
        wanted = PublishRules(kind=kind, document=document, author=author, reason=reason)
        sent = await send_command(service, PublishRules.TYPE, f"{service.name}/{kind}", wanted, request)
        return await answer(service, sent)

    return router


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "published_at": rfc3339(row["published_at"])}


def _number(version: str) -> int | None:
    """The number in a path, None for `live`. Raises the 404 problem for what cannot be one."""
    if version == LIVE:
        return None
    is_number = version.isascii() and version.isdecimal() and len(version) <= len(str(_HIGHEST))
    return int(version) if is_number and int(version) <= _HIGHEST else not_found("version")


def _require(kind: str, applied: Sequence[str]) -> None:
    if kind not in applied:
        raise Problem(404, "not_found", f"This service applies rules of the kind {' and '.join(applied)} only.")
