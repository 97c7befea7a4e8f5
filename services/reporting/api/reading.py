"""What the routes share: who reads, who may see personal data, and times that callers ask for."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends

from shared.runtime.access import Principal, Requires
from shared.runtime.paging import utc
from shared.runtime.problems import Problem

Reader = Annotated[Principal, Depends(Requires("read"))]


def sees_personal(principal: Principal) -> bool:
    """Whether this role may see personal data."""
    return principal.role == "admin"


def asked_time(instant: datetime | None, field: str) -> datetime | None:
    """A time that a caller asks for. Raises a 422 problem where no calendar holds it."""
    try:
        return None if instant is None else utc(instant)
    except OverflowError as error:
        raise Problem(422, "invalid_time", "There is no such time.", field=field) from error
