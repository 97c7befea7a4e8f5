"""Commands about segments and interest, which scoring obeys."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.commands.timers import TimerDue


class StateInterest(Contract):
    """Say how interested a lead is. What was said last stands."""

    TYPE: ClassVar[str] = "interest.state"

    lead_id: str
    interest: str = Field(description="interested, not_now or disinterested")
    reason: str
    resume_at: str | None = Field(None, description="Of not_now: when to come back, RFC 3339")
    requested_by: str = ""


class ResumeInterest(TimerDue):
    """The date has come to which a lead had put off."""

    TYPE: ClassVar[str] = "interest.resume"

    lead_id: str


class RecountSegments(Contract):
    """Look at every lead, whether anything happened to it or not."""

    TYPE: ClassVar[str] = "segments.recount"

    reason: str
    requested_by: str = ""


class RecountDue(TimerDue):
    """A recount goes on behind this lead."""

    TYPE: ClassVar[str] = "segments.recount_due"

    run_id: str
    after: str | None = Field(None, description="The lead behind which the page begins")


class LooksDue(TimerDue):
    """Time alone may have moved leads whose moment has come: a page of those between two instants."""

    TYPE: ClassVar[str] = "segments.looks_due"

    since: str = Field(description="Where the page begins, RFC 3339")
    until: str = Field(description="The last moment, RFC 3339")
    after: str | None = Field(None, description="Of several leads at `since` the one behind which the page begins")


class LookAtLead(TimerDue):
    """Time alone may have moved a lead into a segment, or out of one."""

    TYPE: ClassVar[str] = "segments.look"

    lead_id: str
    of_page: bool = Field(
        False, description="Named by a page of leads whose moment has come: it stands, whatever became of the timer"
    )
