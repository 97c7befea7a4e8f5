"""What the routes share: ids, cursors, a transaction, and who may see personal data."""

import base64
import binascii
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends
from uuid_utils import UUID

from shared.contracts.envelope import rfc3339
from shared.handling.work import Work
from shared.persistence.database import is_transient
from shared.runtime.access import Principal, Requires
from shared.runtime.problems import Problem
from shared.runtime.service import Service

Reader = Annotated[Principal, Depends(Requires("read"))]


def sees_personal(principal: Principal) -> bool:
    """Whether this role may see personal data."""
    return principal.role == "admin"


def known_id(text: str, what: str) -> str:
    """An id of a path; what is no UUID cannot exist."""
    try:
        return str(UUID(text))
    except ValueError as error:
        raise Problem(404, "not_found", f"There is no such {what}.") from error


@asynccontextmanager
async def reading(service: Service) -> AsyncIterator[Work]:
    """A transaction that only reads, all of it at one moment; an outage is a 503, not a 500."""
    try:
        async with service.database.transaction(service.clock()) as work:
            await work.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield work
    except Exception as error:
        if not is_transient(error):
            raise
        detail = "The database cannot be reached now. Try again."
        raise Problem(503, "unavailable", detail, headers={"Retry-After": "2"}) from error


def cursor_of(at: datetime, key: str) -> str:
    """A place in a list ordered by time and id."""
    return base64.urlsafe_b64encode(f"{rfc3339(at)}|{key}".encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> tuple[datetime, str] | None:
    """The place that a cursor names. Raises a 422 problem where it is not one of ours."""
    if cursor is None:
        return None
    try:
        at, key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
        return utc(datetime.fromisoformat(at)), str(UUID(key))
    except (ValueError, binascii.Error, OverflowError) as error:
        raise Problem(422, "invalid_cursor", "Use the `next_cursor` of the page before.", field="cursor") from error


def utc(instant: datetime) -> datetime:
    """The instant in UTC; one without a zone is taken as UTC. Raises OverflowError where UTC has no such instant."""
    return instant.astimezone(UTC) if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def asked_time(instant: datetime | None, field: str) -> datetime | None:
    """A time that a caller asks for. Raises a 422 problem where no calendar holds it."""
    try:
        return None if instant is None else utc(instant)
    except OverflowError as error:
        raise Problem(422, "invalid_time", "There is no such time.", field=field) from error
