"""Commands that routing obeys."""

from typing import ClassVar

from shared.contracts.base import Contract


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
