"""What may be said of a lead's interest, by people and by events of the kind `interest.stated`."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

from services.scoring.segments.domain.membership import Interest
from services.scoring.segments.domain.model import INTEREST_CLASSES, InterestClass

STATED_KIND: Final = "interest.stated"
RESUMED: Final = Interest("interested", "resumed")
LONGEST_REASON: Final = 200
_UNSAID: Final = "unsaid"


def read_interest(said: Mapping[str, Any]) -> Interest | str:
    """The interest that `class`, `reason` and `resume_at` say; else what is wrong, as a sentence without values."""
    named = said.get("class")
    if named not in INTEREST_CLASSES:
        return f"the class is one of {', '.join(INTEREST_CLASSES)}"
    reason = said.get("reason")
    if reason is not None and not _is_reason(reason):
        return f"the reason has 1 to {LONGEST_REASON} printable characters"
    resume_at = read_instant(said.get("resume_at"))
    if isinstance(resume_at, str):
        return resume_at
    if resume_at is not None and named != "not_now":
        return "only not_now has a date to come back"
    return Interest(cast(InterestClass, named), reason or _UNSAID, resume_at)


def read_instant(said: Any) -> datetime | str | None:
    """A date or an instant; a date is its first second, UTC. Else what is wrong."""
    if said is None:
        return None
    try:
        at = datetime.fromisoformat(said)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return "the date to come back is written as 2026-03-01, or as an RFC 3339 instant"


def _is_reason(reason: Any) -> bool:
    return isinstance(reason, str) and 0 < len(reason.strip()) <= LONGEST_REASON and reason.isprintable()
