"""Commands that conversion obeys (`sales.commands.v1`)."""

from typing import ClassVar

from shared.contracts.base import Contract
from shared.contracts.commands.timers import TimerDue


class ConvertLead(Contract):
    """Convert a lead now, whatever the gate's score says. A second request gets the first answer."""

    TYPE: ClassVar[str] = "lead.convert"

    lead_id: str
    requested_by: str
    amount: str | None = None
    currency: str | None = None


class ChangeOpportunity(Contract):
    """Change stage, amount or owner of an opportunity; absent fields stay."""

    TYPE: ClassVar[str] = "opportunity.change"

    opportunity_id: str
    stage: str | None = None
    amount: str | None = None
    currency: str | None = None
    owner: str | None = None
    requested_by: str


class RedactOpportunity(TimerDue):
    """Say once more what is left of a conversion after an erasure. A timer sends it; nobody else can."""

    TYPE: ClassVar[str] = "opportunity.redact"

    opportunity_id: str
