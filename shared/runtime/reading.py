"""What routes that read share: a transaction of one moment, ids in paths, and 404."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from uuid_utils import UUID

from shared.handling.work import Work
from shared.persistence.database import is_transient
from shared.runtime.problems import Problem
from shared.runtime.service import Service


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


def not_found(what: str) -> NoReturn:
    """Raises the 404 problem; `what` is a noun of ours, never a value."""
    raise Problem(404, "not_found", f"There is no such {what}.")


def known_id(text: str, what: str) -> str:
    """An id of a path as ids are written here; what is no UUID cannot exist: 404."""
    try:
        return str(UUID(text))
    except ValueError:
        not_found(what)
