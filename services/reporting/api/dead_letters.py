"""Dead letters, rejects and unreadable records: list and show. Their values are personal data."""

import base64
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query

from services.reporting.adapters.postgres.parked import list_parked, read_parked
from services.reporting.api.reading import Reader, asked_time, sees_personal
from shared.runtime.paging import DEFAULT_PAGE, Cursor, PageSize, cursor_of, read_cursor
from shared.runtime.problems import Problem
from shared.runtime.reading import known_id, reading
from shared.runtime.service import Service

Kind = Literal["dead_letter", "rejected", "unreadable"]


def router(service: Service) -> APIRouter:
    """The dead letters' routes."""
    routes = APIRouter(tags=["dead letters"])

    @routes.get("/v1/dead-letters")
    async def parked(
        _: Reader,
        kind: Kind | None = None,
        service_name: Annotated[str | None, Query(alias="service")] = None,
        reason: str | None = None,
        source: str | None = None,
        first: Annotated[datetime | None, Query(alias="from")] = None,
        last: Annotated[datetime | None, Query(alias="to")] = None,
        cursor: Cursor = None,
        limit: PageSize = DEFAULT_PAGE,
    ) -> dict[str, Any]:
        async with reading(service) as work:
            rows = await list_parked(
                work,
                kind=kind,
                service=_storable(service_name),
                reason=_storable(reason),
                source=_storable(source),
                first=asked_time(first, "from"),
                last=asked_time(last, "to"),
                after=read_cursor(cursor),
                limit=limit,
            )
        full = len(rows) == limit
        following = cursor_of(datetime.fromisoformat(rows[-1]["parked_at"]), rows[-1]["id"]) if full else None
        return {"dead_letters": rows, "next_cursor": following}

    @routes.get("/v1/dead-letters/{parked_id}")
    async def one(parked_id: str, reader: Reader) -> dict[str, Any]:
        asked = known_id(parked_id, "dead letter")
        async with reading(service) as work:
            found = await read_parked(work, asked)
        if found is None:
            raise Problem(404, "not_found", "There is no such dead letter; they are kept for a limited time.")
        row, key, value = found
        if not sees_personal(reader):
            return {**row, "key": None, "value": None, "value_encoding": "masked"}
        text, encoding = _readable(value)
        return {**row, "key": _readable(key)[0], "value": text, "value_encoding": encoding}

    return routes


def _storable(text: str | None) -> str | None:
    """A filter's text; Postgres holds no NUL, so nothing stored has one."""
    return None if text is None else text.replace("\x00", "\ufffd")


def _readable(value: bytes | None) -> tuple[str | None, str | None]:
    """Bytes for JSON: as text where they are UTF-8, else base64."""
    if value is None:
        return None, None
    try:
        return value.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(value).decode(), "base64"
