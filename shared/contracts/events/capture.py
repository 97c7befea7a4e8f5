"""Events that capture publishes."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.events.lead import Lead, Origin
from shared.contracts.events.scoring import RulesUsed


class Resemblance(Contract):
    """Another lead that a submission points to: joined (`merge_id`), or left for a person to decide (`pair_id`)."""

    lead_id: str
    verdict: Literal["same", "review"]
    points: int = Field(description="How alike, of 100; orders candidates, decides nothing")
    evidence: dict[str, str] = Field({}, description="By field: same, initial, similar, tagged, domain, differs")
    pair_id: str | None = None
    merge_id: str | None = None


class LeadCaptured(Contract):
    """A submission became a lead (`new`) or was added to one (`merged`)."""

    TYPE: ClassVar[str] = "lead.captured"

    outcome: Literal["new", "merged"]
    matched_by: str | None = Field(
        None, description="Kind of identity that matched: external_id, email, phone; profile where the comparison did"
    )
    lead: Lead
    lead_version: int
    origin: Origin
    verdict: Literal["same", "review"] | None = Field(
        None, description="What comparing to other leads came to; None where there was nothing to compare"
    )
    resembles: list[Resemblance] = []
    touch: dict[str, Any] | None = Field(
        None,
        description="How the person came by this submission, where that is not the lead's last_touch: it came late",
    )


class LeadRejected(Contract):
    """A submission was understood and refused; `field` and `code` say why, never the value."""

    TYPE: ClassVar[str] = "lead.rejected"

    code: str
    field: str | None = None
    detail: str
    origin: Origin
    row: int | None = Field(None, description="Row of the imported file, when there is one")
    rule: str | None = Field(None, description="Id of the validation rule that does not hold (code rule_not_met)")
    rules: RulesUsed | None = Field(None, description="The version of the validation rules")


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
    merge_id: str | None = Field(None, description="What undoes it; the event's own id")


class LeadUnmerged(Contract):
    """Two leads were not one person after all. Both versions are set to max(both) + 1; the loser stands by itself. There
    is one record for each of them, keyed by it, with its state."""

    TYPE: ClassVar[str] = "lead.unmerged"

    winner_id: str
    loser_id: str
    lead_version: int
    reason: str
    unmerged_at: str
    merge_id: str | None = None
    lead: Lead | None = Field(None, description="The lead that the record is about, after the split")


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
    purged: str | None = Field(None, description="junk or target, where a retention policy did it and nobody asked")
