"""`/v1/duplicates`: pairs of leads that may be one person, to be looked at, merged or kept apart."""

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from services.capture.adapters.postgres.leads import PostgresLeadBook
from services.capture.adapters.postgres.likes import PostgresPairBook
from services.capture.domain.person import Person
from services.capture.domain.view import lead_view
from services.capture.ports import StoredPair
from shared.contracts.commands.capture import KeepDuplicate, MergeDuplicate
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work
from shared.persistence.aliases import resolve
from shared.runtime.access import Requires
from shared.runtime.commands_api import answer, send_command
from shared.runtime.paging import DEFAULT_PAGE, Cursor, PageSize, cursor_of, read_cursor
from shared.runtime.reading import known_id, not_found, reading
from shared.runtime.service import Service

_BEGINNING: Final = (datetime(1, 1, 1, tzinfo=UTC), "00000000-0000-0000-0000-000000000000")


class MergeDecision(BaseModel):
    """Why the two are one person, and which of them keeps its id; the older one unless told otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    winner_id: UUID | None = None
    reason: str = Field(min_length=1, max_length=500)


class KeepDecision(BaseModel):
    """Why the two are two people."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    reason: str = Field(min_length=1, max_length=500)


def duplicates_router(service: Service, leads: PostgresLeadBook, pairs: PostgresPairBook) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/duplicates", tags=["duplicates"])

    @router.get("", dependencies=[Depends(Requires("read"))])
    async def page(limit: PageSize = DEFAULT_PAGE, cursor: Cursor = None) -> JSONResponse:
        """Open pairs, the oldest question first; those that became one lead by other ways are left out."""
        async with reading(service) as work:
            found = await pairs.page(work, read_cursor(cursor) or _BEGINNING, limit)
            open_pairs = await _still_two(work, found)
        following = cursor_of(found[-1].raised_at, found[-1].pair_id) if len(found) == limit else None
        return JSONResponse({"duplicates": open_pairs, "next_cursor": following})

    @router.get("/{pair_id}", dependencies=[Depends(Requires("read"))])
    async def show(pair_id: str) -> JSONResponse:
        """A pair with both leads as they are now."""
        async with reading(service) as work:
            pair = await pairs.find(work, known_id(pair_id, "pair"))
            if pair is None:
                not_found("pair")
            found = await leads.load_leads(work, [pair.lead_id, pair.other_id])
        both = [_lead(found.get(lead_id)) for lead_id in (pair.lead_id, pair.other_id)]
        return JSONResponse({**_shown(pair), "leads": both})

    @router.post("/{pair_id}/merge", dependencies=[Depends(Requires("change"))])
    async def merge(pair_id: str, wanted: MergeDecision, request: Request) -> JSONResponse:
        named = known_id(pair_id, "pair")
        winner_id = str(wanted.winner_id) if wanted.winner_id is not None else None
        command = MergeDuplicate(pair_id=named, winner_id=winner_id, reason=wanted.reason)
        return await answer(service, await send_command(service, MergeDuplicate.TYPE, named, command, request))

    @router.post("/{pair_id}/keep", dependencies=[Depends(Requires("change"))])
    async def keep(pair_id: str, wanted: KeepDecision, request: Request) -> JSONResponse:
        named = known_id(pair_id, "pair")
        command = KeepDuplicate(pair_id=named, reason=wanted.reason)
        return await answer(service, await send_command(service, KeepDuplicate.TYPE, named, command, request))

    return router


async def _still_two(work: Work, pairs: list[StoredPair]) -> list[dict[str, Any]]:
    survivors = await resolve(work, {lead_id for pair in pairs for lead_id in (pair.lead_id, pair.other_id)})
    now = [
        pair._replace(
            lead_id=survivors.get(pair.lead_id, pair.lead_id), other_id=survivors.get(pair.other_id, pair.other_id)
        )
        for pair in pairs
    ]
    return [_shown(pair) for pair in now if pair.lead_id != pair.other_id]


def _shown(pair: StoredPair) -> dict[str, Any]:
    return {**pair._asdict(), "raised_at": rfc3339(pair.raised_at)}


def _lead(person: Person | None) -> dict[str, Any] | None:
    return None if person is None else {**lead_view(person.facts, person.lead_id), "lead_version": person.version}
