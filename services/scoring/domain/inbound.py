"""What scoring reads of capture's events: thin, because the lead passes through as it came."""

from typing import Any, ClassVar

from shared.contracts.base import Contract
from shared.contracts.thin import LeadJson, Version


class CapturedLead(Contract):
    """Of `lead.captured`: the lead after a submission, and the submission."""

    TYPE: ClassVar[str] = "lead.captured"

    lead: LeadJson
    lead_version: Version
    origin: dict[str, Any]

    @property
    def lead_id(self) -> str:
        """The lead's id."""
        return str(self.lead["lead_id"])
