"""Events that scoring publishes."""

from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.events.lead import Lead, Origin


class RulesUsed(Contract):
    """The rules that a decision was made with."""

    kind: str
    name: str
    version: int
    content_hash: str


class Contribution(Contract):
    """What one rule gave. Contributions of an axis, and its clamp, sum to the axis."""

    rule: str
    axis: Literal["fit", "engagement"]
    points: int
    reason: str
    matched: list[str] = Field([], description="Conditions that were met, without the lead's values")


class Score(Contract):
    """A lead's score and why. `value` = fit + engagement, within 0..100 each; `clamp` is what the bounds took away."""

    value: int
    fit: int
    engagement: int
    grade: Literal["A", "B", "C", "D"]
    temperature: Literal["hot", "warm", "cold"]
    contributions: list[Contribution]
    clamp: int = 0
    rules: RulesUsed
    scored_at: str


class LeadScored(Contract):
    """A lead with its newest score."""

    TYPE: ClassVar[str] = "lead.scored"

    lead: Lead
    lead_version: int
    score: Score
    score_version: int
    origin: Origin


class RulesPublished(Contract):
    """A service applies these rules from now on. Versions are immutable."""

    TYPE: ClassVar[str] = "rules.published"

    service: str
    kind: str
    name: str
    version: int
    content_hash: str
    author: str
    reason: str
    document: str = Field(description="The YAML text as published")
    published_at: str
