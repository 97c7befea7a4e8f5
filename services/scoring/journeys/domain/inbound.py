"""What journeys read of others' events, and of their own."""

from typing import Any, ClassVar

from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.thin import LeadId


class Entered(Contract):
    """Of `segment.entered`."""

    TYPE: ClassVar[str] = "segment.entered"

    lead_id: LeadId
    segment: str
    entered_at: AwareDatetime | None = None


class Exited(Contract):
    """Of `segment.exited`."""

    TYPE: ClassVar[str] = "segment.exited"

    lead_id: LeadId
    segment: str
    since: AwareDatetime | None = None


class Advanced(Contract):
    """Of `journey.advanced`: what is to be sent now that it is published."""

    TYPE: ClassVar[str] = "journey.advanced"

    lead_id: LeadId
    send_id: LeadId | None = None


class Converted(Contract):
    """Of `opportunity.converted`."""

    TYPE: ClassVar[str] = "opportunity.converted"

    lead_id: LeadId
    converted_at: AwareDatetime | None = None


class Behaved(Contract):
    """Of `lead.behaved`."""

    TYPE: ClassVar[str] = "lead.behaved"

    lead_id: LeadId
    kind: str
    occurred_at: AwareDatetime
    properties: dict[str, Any] = {}
