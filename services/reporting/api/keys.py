"""Keys: grant, list, revoke. The caller makes the secret and sends its hash only."""

from typing import Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.reporting.ports import KeyStore
from shared.contracts.commands.reporting import GrantAccess, RevokeAccess
from shared.runtime.access import Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.problems import Problem
from shared.runtime.reading import reading
from shared.runtime.service import Service


class NewKey(BaseModel):
    """A key to let in."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    key_id: str = Field(pattern=r"^[0-9a-f]{8,32}$")
    secret_hash: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the whole key, hex")
    role: Literal["admin", "source", "viewer"]
    source: str | None = Field(None, max_length=100, pattern=r"^[^\x00]+$")
    label: str = Field("", max_length=200, pattern=r"^[^\x00]*$")


def router(service: Service, keys: KeyStore) -> APIRouter:
    """The keys' routes, for admins."""
    routes = APIRouter(tags=["keys"], dependencies=[Depends(Requires("change"))])

    @routes.get("/v1/keys")
    async def listed() -> dict[str, Any]:
        async with reading(service) as work:
            return {"keys": await keys.listed(work)}

    @routes.post("/v1/keys")
    async def grant(wanted: NewKey, request: Request) -> JSONResponse:
        if wanted.source is not None and wanted.role != "source":
            raise Problem(422, "source_needs_role", "Only a key of role `source` is tied to a source.", field="source")
        sent = await send_command(service, GrantAccess.TYPE, wanted.key_id, GrantAccess(**wanted.model_dump()), request)
        return await answer(service, sent)

    @routes.delete("/v1/keys/{key_id}")
    async def revoke(key_id: str, request: Request) -> JSONResponse:
        if not (key_id.isascii() and key_id.isalnum()):
            raise Problem(404, "not_found", "There is no such key.")
        sent = await send_command(service, RevokeAccess.TYPE, key_id, RevokeAccess(key_id=key_id), request)
        return await answer(service, sent)

    return routes
