"""Keys: grant, list, revoke. The caller makes the secret and sends its hash only."""

from typing import Annotated, Any, Literal

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

# As browsers write it: no path, no slash at the end, small letters.
Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.-]+(:[0-9]{1,5})?$", max_length=200)]


class NewKey(BaseModel):
    """A key to let in."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    key_id: str = Field(pattern=r"^[0-9a-f]{8,32}$")
    secret_hash: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the whole key, hex")
    role: Literal["admin", "source", "viewer", "browser"]
    source: str | None = Field(None, max_length=100, pattern=r"^[^\x00]+$")
    label: str = Field("", max_length=200, pattern=r"^[^\x00]*$")
    origins: list[Origin] = Field([], max_length=50, description="The sites whose pages may use a browser's key")


def router(service: Service, keys: KeyStore) -> APIRouter:
    """The keys' routes, for admins."""
    routes = APIRouter(tags=["keys"], dependencies=[Depends(Requires("change"))])

    @routes.get("/v1/keys")
    async def listed() -> dict[str, Any]:
        async with reading(service) as work:
            return {"keys": await keys.listed(work)}

    @routes.post("/v1/keys")
    async def grant(wanted: NewKey, request: Request) -> JSONResponse:
        if wanted.source is not None and wanted.role not in ("source", "browser"):
            detail = "Only a key of role `source` or `browser` is tied to a source."
            raise Problem(422, "source_needs_role", detail, field="source")
        if wanted.role == "browser" and not (wanted.source and wanted.origins):
            detail = "A browser's key is public: it is tied to one source and to the origins of its pages."
            raise Problem(422, "browser_needs_origins", detail, field="origins" if wanted.source else "source")
        if wanted.origins and wanted.role != "browser":
            raise Problem(422, "origins_need_role", "Only a browser's key is tied to origins.", field="origins")
        role = "source" if wanted.role == "browser" else wanted.role
        command = GrantAccess(**{**wanted.model_dump(), "role": role})
        sent = await send_command(service, GrantAccess.TYPE, wanted.key_id, command, request)
        return await answer(service, sent)

    @routes.delete("/v1/keys/{key_id}")
    async def revoke(key_id: str, request: Request) -> JSONResponse:
        if not (key_id.isascii() and key_id.isalnum()):
            raise Problem(404, "not_found", "There is no such key.")
        sent = await send_command(service, RevokeAccess.TYPE, key_id, RevokeAccess(key_id=key_id), request)
        return await answer(service, sent)

    return routes
