"""Pages of lists that are ordered by time and id: their size, and cursors that name where the next one begins."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Annotated, Final, TypeAlias

from fastapi import Query
from uuid_utils import UUID

from shared.contracts.envelope import rfc3339
from shared.runtime.problems import Problem

MAX_PAGE: Final = 200
DEFAULT_PAGE: Final = 50
PageSize: TypeAlias = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Cursor: TypeAlias = Annotated[str | None, Query(max_length=200)]
Place: TypeAlias = tuple[datetime, str]
"""Time and id of the last entry of a page."""


def cursor_of(at: datetime, key: str) -> str:
    """The cursor of a place."""
    return base64.urlsafe_b64encode(f"{rfc3339(at)}|{key}".encode()).decode().rstrip("=")


def read_cursor(cursor: str | None) -> Place | None:
    """The place that a cursor names. Raises a 422 problem where it is not one of ours."""
    if cursor is None:
        return None
    try:
        at, key = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
        return utc(datetime.fromisoformat(at)), str(UUID(key))
    except (ValueError, binascii.Error, OverflowError) as error:
        detail = "Use the cursor that the page before gave, unchanged."
        raise Problem(422, "invalid_cursor", detail, field="cursor") from error


def utc(instant: datetime) -> datetime:
    """The instant in UTC; one without a zone is taken as UTC. Raises OverflowError where UTC has no such instant."""
    return instant.astimezone(UTC) if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
