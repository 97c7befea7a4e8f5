"""What segments read of others' events."""

from typing import Any, ClassVar

from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.thin import LeadId, Version


class Behaved(Contract):
    """Of `lead.behaved`: what happened, and whether a person did it."""

    TYPE: ClassVar[str] = "lead.behaved"

    lead_id: LeadId
    kind: str
    occurred_at: AwareDatetime
    category: str | None = None
    human: bool = True
    properties: dict[str, Any] = {}


class Corrected(Contract):
    """Of `behaviour.corrected`: an earlier event is seen otherwise, or another person's."""

    TYPE: ClassVar[str] = "behaviour.corrected"

    lead_id: LeadId
    corrects: LeadId
    change: str
    human: bool = True

    @property
    def counts(self) -> bool:
        """Whether the event counts for its lead now."""
        return self.change != "retracted" and self.human


class Converted(Contract):
    """Of `opportunity.converted`: the lead is a customer since."""

    TYPE: ClassVar[str] = "opportunity.converted"

    lead_id: LeadId
    converted_at: AwareDatetime


class Joined(Contract):
    """Of `lead.merged` and `lead.unmerged`: who is one person, or two again."""

    MERGED: ClassVar[str] = "lead.merged"
    UNMERGED: ClassVar[str] = "lead.unmerged"

    winner_id: LeadId
    loser_id: LeadId
    lead_version: Version
