"""How far the work on a lead has come: open, or laid aside with a reason. No reason that was ever given is lost."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import orjson

Status = Literal["open", "junk", "nurturing", "marketing", "disqualified"]
OPEN: Final = "open"
JUNK: Final = "junk"
LAID_ASIDE: Final[tuple[Status, ...]] = ("junk", "nurturing", "marketing", "disqualified")
"""Each has a holding queue of its own: out of everybody's work, and still somewhere."""
STATUSES: Final[tuple[Status, ...]] = (OPEN, *LAID_ASIDE)

_HAS_WORK: Final = b'"work":{'


def work_of(assignment: bytes) -> dict[str, Any] | None:
    """What was said of the work on a lead, of its assignment as JSON; None where nothing was."""
    if _HAS_WORK not in assignment:
        return None
    work: dict[str, Any] | None = orjson.loads(assignment).get("work")
    return work


def status_of(assignment: bytes) -> str:
    """How far the work on a lead has come."""
    work = work_of(assignment)
    return str(work["status"]) if work is not None else OPEN


def changed_work(work: Mapping[str, Any] | None, status: str, *, reason: str, author: str, at: str) -> dict[str, Any]:
    """The work with another status, or the same with another reason. What was said before is its history."""
    said: dict[str, Any] = {"status": status, "reason": reason, "author": author, "at": at}
    if work is None:
        return {**said, "history": []}
    before = {name: work[name] for name in ("status", "reason", "author", "at")}
    return {**said, "history": [*work["history"], before]}


def with_work(assignment: bytes, work: Mapping[str, Any] | None) -> bytes:
    """The assignment, as JSON, with what was said of the work on the lead."""
    if work is None:
        return assignment
    return orjson.dumps({**orjson.loads(assignment), "work": work})
