"""Dead letters, rejects and unreadable records: list, count, show. Their values are personal data."""

import contextlib
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query

from services.reporting.adapters.postgres.parked import count_parked, list_parked, read_letters
from services.reporting.adapters.postgres.replays import replays_of
from services.reporting.api.originals import with_originals
from services.reporting.api.parked_reading import Asked, exact, whole
from services.reporting.api.reading import Reader, sees_personal
from shared.runtime.paging import DEFAULT_PAGE, Cursor, PageSize, cursor_of, read_cursor
from shared.runtime.problems import Problem
from shared.runtime.reading import known_id, reading
from shared.runtime.service import Service


def router(service: Service) -> APIRouter:
    """The dead letters' routes."""
    routes = APIRouter(tags=["dead letters"])

    @routes.get("/v1/dead-letters")
    async def parked(
        reader: Reader,
        filters: Asked,
        values: Annotated[bool, Query(description="With the very bytes, as base64; for admins")] = False,
        cursor: Cursor = None,
        limit: PageSize = DEFAULT_PAGE,
    ) -> dict[str, Any]:
        """Newest first."""
        if values and not sees_personal(reader):
            raise Problem(403, "forbidden", f"This key's role ({reader.role}) does not allow to see values.")
        async with reading(service) as work:
            rows = await list_parked(work, filters, after=read_cursor(cursor), limit=limit)
            letters = await read_letters(work, [row["id"] for row in rows]) if values else {}
        full = len(rows) == limit
        following = cursor_of(datetime.fromisoformat(rows[-1]["parked_at"]), rows[-1]["id"]) if full else None
        shown = [exact(letters[row["id"]]) for row in rows] if values else rows
        return {"dead_letters": shown, "next_cursor": following}

    @routes.get("/v1/dead-letters/counts")
    async def counts(_: Reader, filters: Asked) -> dict[str, Any]:
        """How many, by kind, service, reason and state."""
        async with reading(service) as work:
            found = await count_parked(work, filters)
        return {"total": sum(row["count"] for row in found), "counts": found}

    @routes.get("/v1/dead-letters/{parked_id}")
    async def one(parked_id: str, reader: Reader) -> dict[str, Any]:
        """With its value and every replay of it."""
        asked = known_id(parked_id, "dead letter")
        async with reading(service) as work:
            letter = (await read_letters(work, [asked])).get(asked)
            replays = await replays_of(work, (letter.row["replay_of"] if letter else None) or asked)
        if letter is None:
            raise Problem(404, "not_found", "There is no such dead letter; they are kept for a limited time.")
        if not sees_personal(reader):
            masked = {"key": None, "value": None, "value_encoding": "masked", "original_headers": None}
            return {**letter.row, **masked, "replays": [{**each, "note": None} for each in replays]}
        with contextlib.suppress(Problem):  # without Kafka, what reporting has of it is shown
            letter = (await with_originals(service, {asked: letter}))[asked]
        return {**whole(letter), "replays": replays}

    return routes
