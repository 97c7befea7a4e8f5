"""Behaviour and engagement, and the journeys that follow from them. Their topics stand; nobody publishes them yet."""

from typing import Any, ClassVar

from pydantic import ConfigDict, Field

from shared.contracts.base import Contract


class BehaviourSubmitted(Contract):
    """What somebody did, as a source saw it: a visit, a click, an opened e-mail. Unknown fields are kept."""

    TYPE: ClassVar[str] = "behaviour.submitted"

    model_config = ConfigDict(extra="allow")

    kind: str | None = Field(None, description="What was done, in the source's words")
    at: str | None = Field(None, description="When, RFC 3339")
    visitor_id: str | None = None
    email: str | None = None
    properties: dict[str, Any] = {}


class LeadBehaved(Contract):
    """Behaviour stitched to a lead."""

    TYPE: ClassVar[str] = "lead.behaved"

    lead_id: str
    kind: str
    occurred_at: str
    source: str | None = None
    properties: dict[str, Any] = {}


class JourneyAdvanced(Contract):
    """A lead took a step of a nurturing journey."""

    TYPE: ClassVar[str] = "journey.advanced"

    lead_id: str
    journey: str
    step: str
    advanced_at: str
