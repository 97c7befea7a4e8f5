"""Events that routing publishes."""

from typing import ClassVar

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.events.lead import Lead, Origin
from shared.contracts.events.scoring import RulesUsed, Score


class TraceStep(Contract):
    """One assignment rule that was tried, in order."""

    rule: str
    matched: bool
    failed: list[str] = Field([], description="Conditions that were not met, without the lead's values")
    skipped: list[str] = Field([], description="Members passed over, each with the reason")


class Assignment(Contract):
    """Who holds the lead: an owner, or a queue with the reason."""

    assignment_id: str
    owner: str | None = None
    queue: str | None = None
    rule: str
    strategy: str = Field(description="owner, queue, round_robin, default or manual; more may come")
    reason: str
    trace: list[TraceStep] = []
    rules: RulesUsed
    assigned_at: str


class LeadRouted(Contract):
    """A lead with its newest score and assignment."""

    TYPE: ClassVar[str] = "lead.routed"

    lead: Lead
    lead_version: int
    score: Score
    score_version: int
    assignment: Assignment
    assignment_version: int
    origin: Origin
