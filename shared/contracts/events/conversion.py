"""Events that conversion publishes: the contract with downstream systems."""

from typing import Any, ClassVar

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.events.lead import Origin
from shared.contracts.events.scoring import RulesUsed, Score


class OpportunityLine(Contract):
    """One product of interest, carried from the lead."""

    product: str
    quantity: int = 1
    amount: str | None = None


class ConversionReason(Contract):
    """Why the hand-off gate opened: automatically by these criteria, or by a command."""

    trigger: str = Field(description="gate or command")
    met: list[str] = []
    rules: RulesUsed | None = None


class OpportunityConverted(Contract):
    """A lead became an account, a contact and an opportunity. Published once per conversion."""

    TYPE: ClassVar[str] = "opportunity.converted"

    event_id: str
    opportunity_id: str
    account_id: str
    contact_id: str
    lead_id: str
    conversion_id: str
    converted_at: str
    owner: str | None = None
    queue: str | None = None
    score: Score | None = None
    first_touch: dict[str, Any] | None = None
    source: str | None = None
    campaign: str | None = None
    name: str
    stage: str = Field(description="The first stage of the pipeline that was active")
    probability: int = Field(description="In percent: 100 is won, 0 is lost, an open opportunity has 1 to 99")
    pipeline: RulesUsed | None = Field(
        None, description="The stages that the opportunity moves through; absent: those from before there were versions"
    )
    amount: str | None = None
    currency: str | None = None
    lines: list[OpportunityLine] = []
    account_created: bool
    contact_created: bool
    fields_mapped: list[str] = Field([], description="Lead fields that were copied, as lead.field -> record.field")
    lead_snapshot: dict[str, Any] | None = Field(None, description="The lead at conversion; absent once redacted")
    reason: ConversionReason
    origin: Origin | None = None


class OpportunityRedacted(OpportunityConverted):
    """The record of a conversion without its personal fields, after an erasure. Same key, new event id; compaction
    then removes the record that held them."""

    TYPE: ClassVar[str] = "opportunity.redacted"


class OpportunityChanged(Contract):
    """An opportunity was created or changed; `opportunity_version` counts its changes from 1."""

    TYPE: ClassVar[str] = "opportunity.changed"

    opportunity_id: str
    opportunity_version: int
    account_id: str
    lead_id: str
    change: str
    stage: str
    probability: int = Field(description="In percent: 100 is won, 0 is lost, an open opportunity has 1 to 99")
    amount: str | None = None
    currency: str | None = None
    owner: str | None = None
    changed_at: str
