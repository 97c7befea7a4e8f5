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


class StatusChange(Contract):
    """How far the work on a lead had come, why, and who said so."""

    status: str = Field(description="open, junk, nurturing, marketing or disqualified; more may come")
    reason: str
    author: str
    at: str


class Work(StatusChange):
    """How far the work on a lead has come, with everything that was said of it before, the oldest first."""

    history: list[StatusChange] = []


class Assignment(Contract):
    """Who holds the lead: an owner, or a queue with the reason."""

    assignment_id: str
    owner: str | None = None
    queue: str | None = None
    rule: str
    strategy: str = Field(description="owner, queue, round_robin, default, manual or holding; more may come")
    reason: str
    trace: list[TraceStep] = []
    rules: RulesUsed
    assigned_at: str
    work: Work | None = Field(None, description="Absent: nobody has said anything of the work on it; it is open")


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
