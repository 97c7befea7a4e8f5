"""What scoring reads of capture's events: thin, because the lead passes through as it came."""

import re
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, model_validator

from shared.contracts.base import Contract

_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _require_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError("not a lead id")
    return value


def _require_lead(lead: dict[str, Any]) -> dict[str, Any]:
    lead_id = lead.get("lead_id")
    if not isinstance(lead_id, str) or not _ID.fullmatch(lead_id):
        raise ValueError("a lead without its id")
    return lead


LeadId = Annotated[str, AfterValidator(_require_id)]
Version = Annotated[int, Field(ge=1, le=2**31 - 1)]
LeadState = Annotated[dict[str, Any], AfterValidator(_require_lead)]


class CapturedLead(Contract):
    """Of `lead.captured`: the lead after a submission, and the submission."""

    lead: LeadState
    lead_version: Version
    origin: dict[str, Any]

    @property
    def lead_id(self) -> str:
        """The lead's id."""
        return str(self.lead["lead_id"])


class MergedLead(Contract):
    """Of `lead.merged`: the winner after the merge."""

    winner_id: LeadId
    loser_id: LeadId
    lead: LeadState
    lead_version: Version

    @model_validator(mode="after")
    def _two_leads(self) -> Self:
        if self.winner_id == self.loser_id or self.lead["lead_id"] != self.winner_id:
            raise ValueError("a merge needs a winner, whose state it carries, and another loser")
        return self
