"""Events about the groups that leads belong to, and about their interest."""

from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.base import Contract


class SegmentEntered(Contract):
    """A lead belongs to a segment from now on."""

    TYPE: ClassVar[str] = "segment.entered"

    lead_id: str
    segment: str
    entered_at: str
    rules_version: int = Field(description="The version of the segment rules that was live")


class SegmentExited(Contract):
    """A lead does not belong to a segment any more."""

    TYPE: ClassVar[str] = "segment.exited"

    lead_id: str
    segment: str
    since: str = Field(description="When it had entered")
    exited_at: str
    reason: str = Field(
        description="conditions: it does not meet them; lead_gone: merged into another, or erased; segment_gone: the rules"
        " have the segment no more; more may come"
    )
    rules_version: int = Field(description="The version of the segment rules that was live")


class InterestChanged(Contract):
    """Somebody said how interested a lead is, or the date came to which it had put off."""

    TYPE: ClassVar[str] = "interest.changed"

    lead_id: str
    interest: Literal["interested", "not_now", "disinterested"]
    reason: str | None = Field(None, description="budget, internal, timing, ... as it was said; resumed: the date came")
    resume_at: str | None = Field(None, description="Of not_now: when to come back")
    author: str
    stated_at: str
