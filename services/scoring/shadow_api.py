"""HTTP of the shadow: which draft runs beside the live model, what it makes of leads, and commands to start and stop it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.scoring.adapters.shadow import read_counts, read_shadow
from services.scoring.domain.model import KIND
from shared.contracts.commands.rules import ShadowRules
from shared.contracts.envelope import rfc3339
from shared.runtime.access import Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.problems import Problem
from shared.runtime.reading import not_found, reading
from shared.runtime.rules_api import MAX_DOCUMENT_BYTES
from shared.runtime.service import Service

_Said = Annotated[str, Field(min_length=1, max_length=1000)]
PATH = f"/v1/rules/{KIND}/shadow"


class ShadowBody(BaseModel):
    """A draft to run beside the live model, with who wants it and why; no document: none runs any more."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    document: Annotated[str, Field(min_length=1)] | None = None
    author: _Said
    reason: _Said


def shadow_router(service: Service) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["rules"])

    @router.get(PATH, dependencies=[Depends(Requires("read"))])
    async def show() -> dict[str, Any]:
        """The draft that runs, and its scores beside the live ones, by both grades."""
        async with reading(service) as work:
            row = await read_shadow(work)
            counts = [] if row is None else await read_counts(work, row["shadow_id"])
        if row is None:
            not_found("draft in the shadow")
        return {"kind": KIND, **row, "started_at": rfc3339(row["started_at"]), **_summed(counts), "pairs": counts}

    @router.post(PATH, dependencies=[Depends(Requires("change"))])
    async def change(body: ShadowBody, request: Request) -> JSONResponse:
        """Let a draft run, or none: 200 once it is so, 409 when it is refused, else 202."""
        if body.document is not None and len(body.document.encode()) > MAX_DOCUMENT_BYTES:
            raise Problem(413, "too_large", f"A document has at most {MAX_DOCUMENT_BYTES} bytes.", field="document")
        wanted = ShadowRules(kind=KIND, document=body.document, author=body.author, reason=body.reason)
        sent = await send_command(service, ShadowRules.TYPE, f"{service.name}/{KIND}", wanted, request)
        return await answer(service, sent)

    return router


def _summed(counts: list[dict[str, Any]]) -> dict[str, Any]:
    scores = sum(each["scores"] for each in counts)
    return {
        "scores": scores,
        "regraded": sum(each["scores"] for each in counts if each["live"] != each["shadow"]),
        "differing": sum(each["differing"] for each in counts),
        "mean_difference": round(sum(each["difference"] for each in counts) / scores, 2) if scores else None,
    }
