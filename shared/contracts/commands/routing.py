"""Commands that routing obeys."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.commands.timers import TimerDue


class SetMember(Contract):
    """Create or change a member: a person who can own leads and belongs to queues."""

    TYPE: ClassVar[str] = "member.set"

    member_id: str
    name: str
    queues: list[str] = []
    active: bool = True


class ReassignLead(Contract):
    """Give a lead to an owner or a queue by hand."""

    TYPE: ClassVar[str] = "lead.reassign"

    lead_id: str
    owner: str | None = None
    queue: str | None = None
    reason: str


class SetLeadStatus(Contract):
    """Change how far the work on a lead has come. Every reason that was ever given stays, with its author and time."""

    TYPE: ClassVar[str] = "lead.set_status"

    lead_id: str
    status: str = Field(description="junk, nurturing, marketing, disqualified; open: work on it again")
    reason: str
    requested_by: str = ""


class PurgeJunk(TimerDue):
    """A lead has been junk for as long as junk is kept."""

    TYPE: ClassVar[str] = "junk.purge"

    lead_id: str
