"""Events that capture publishes."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.events.lead import Lead, Origin


class LeadCaptured(Contract):
    """A submission became a lead (`new`) or was added to one (`merged`)."""

    TYPE: ClassVar[str] = "lead.captured"

    outcome: Literal["new", "merged"]
    matched_by: str | None = Field(None, description="Kind of identity that matched: external_id, email, phone")
    lead: Lead
    lead_version: int
    origin: Origin


class LeadRejected(Contract):
    """A submission was understood and refused; `field` and `code` say why, never the value."""

    TYPE: ClassVar[str] = "lead.rejected"

    code: str
    field: str | None = None
    detail: str
    origin: Origin
    row: int | None = Field(None, description="Row of the imported file, when there is one")


class ReceiptSettled(Contract):
    """An outcome that has no event of its own."""

    TYPE: ClassVar[str] = "receipt.settled"

    outcome: Literal["merged", "quarantined", "test"]
    reason: str
    reasons: list[str] = Field([], description="All reasons of a quarantine, the weightiest first")
    lead_id: str | None = None
    origin: Origin


class LeadChanged(Contract):
    """Capture knows something new of a lead that no submission told: it bounced, responded, expired, was verified."""

    TYPE: ClassVar[str] = "lead.changed"

    change: str = Field(description="contactability, promoted, expired, verified; more may come")
    reason: str
    author: str = Field(description="The key that asked for it, or the part of capture that found it")
    details: dict[str, Any] = {}
    changed_at: str
    lead: Lead
    lead_version: int


class LeadMerged(Contract):
    """Two leads are one person. Both versions are set to max(both) + 1; the loser's id resolves for ever."""

    TYPE: ClassVar[str] = "lead.merged"

    winner_id: str
    loser_id: str
    lead: Lead = Field(description="The winner after the merge")
    lead_version: int
    reason: str
    merged_at: str
    evidence: dict[str, Any] = {}


class LeadUnmerged(Contract):
    """Two leads were not one person after all. Both versions are set to max(both) + 1; the loser stands by itself."""

    TYPE: ClassVar[str] = "lead.unmerged"

    winner_id: str
    loser_id: str
    lead_version: int
    reason: str
    unmerged_at: str


class ErasedLead(Contract):
    """One lead to be blanked, up to and including these versions."""

    lead_id: str
    lead_version: int
    aliases: list[str] = []


class LeadErased(Contract):
    """Personal data of these leads must go. Holds none itself and is kept for ever."""

    TYPE: ClassVar[str] = "lead.erased"

    leads: list[ErasedLead]
    erased_at: str
