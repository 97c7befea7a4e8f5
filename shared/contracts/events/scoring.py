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
    """What one rule gave, before its cap. All contributions and the score's `clamp` sum to `value`."""

    rule: str
    axis: Literal["fit", "engagement"]
    points: int
    reason: str
    matched: list[str] = Field([], description="Conditions that were met, without the lead's values")
    events: list[str] = Field([], description="Of a rule about behaviour: event ids of what counts, the newest five")
    count: int | None = Field(None, description="Of a rule about behaviour: how many events count")


class Clamp(Contract):
    """What one limit added (positive) or took away (negative)."""

    of: Literal["rule", "group", "axis", "total"]
    name: str = Field(description="The rule, the group or the axis")
    points: int


class ModelScore(Contract):
    """What one of several models beside each other gives."""

    persona: str
    value: int
    fit: int
    engagement: int
    grade: Literal["A", "B", "C", "D"]
    temperature: Literal["hot", "warm", "cold"]


class Score(Contract):
    """A lead's score and why, as of `scored_at`. `value` = fit + engagement, within 0..100 each, within the total's bounds;
    `clamp` is what all bounds took away."""

    value: int
    fit: int
    engagement: int
    grade: Literal["A", "B", "C", "D"]
    temperature: Literal["hot", "warm", "cold"]
    contributions: list[Contribution]
    clamp: int = 0
    level: int | None = Field(None, description="Of engagement: 1, the highest, to 4")
    matrix: str | None = Field(None, description="Grade and level, such as A1")
    clamps: list[Clamp] = Field([], description="What each bound added or took away; they sum to `clamp`")
    sales_ready: bool | None = Field(
        None, description="Whether sales may have it; null where the rules do not say when"
    )
    missing: list[str] = Field(
        [], description="What is missing for that: contactable, fit, engagement, ids of criteria"
    )
    rules: RulesUsed
    persona: str | None = Field(None, description="By whose model; null where the rules know no personas")
    models: list[ModelScore] = Field([], description="What every model gives, the one that is used among them")
    scored_at: str


class LeadScored(Contract):
    """A lead with its newest score."""

    TYPE: ClassVar[str] = "lead.scored"

    lead: Lead
    lead_version: int
    score: Score
    score_version: int
    origin: Origin


class ReadinessChanged(Contract):
    """A lead has become sales-ready, or is so no more: once for each transition, beside the `lead.scored` that it came with."""

    TYPE: ClassVar[str] = "readiness.changed"

    lead_id: str
    sales_ready: bool
    missing: list[str] = Field([], description="As of the score: contactable, fit, engagement, ids of criteria")
    value: int
    fit: int
    engagement: int
    grade: Literal["A", "B", "C", "D"]
    score_version: int = Field(description="Of the score that made the difference")
    rules: RulesUsed
    changed_at: str


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
