"""What the thin read models share: a service on the hot path validates what it uses, and hands the rest on unread."""

from typing import Annotated, Any, ClassVar, Final, Self

from pydantic import AfterValidator, Field, model_validator

from shared.contracts.base import Contract
from shared.contracts.ids import is_id


def _require_id(value: str) -> str:
    if not is_id(value):
        raise ValueError("not an id")
    return value


def _require_lead(lead: dict[str, Any]) -> dict[str, Any]:
    if not is_id(lead.get("lead_id")):
        raise ValueError("a lead without its id")
    return lead


LeadId = Annotated[str, AfterValidator(_require_id)]
LeadJson = Annotated[dict[str, Any], AfterValidator(_require_lead)]
"""A lead as it came; only its id is looked at."""
HIGHEST_VERSION: Final = 2**31 - 2
Version = Annotated[int, Field(ge=1, le=HIGHEST_VERSION)]
"""Counts from 1; Postgres must be able to store the next one too."""


class MergedLead(Contract):
    """`lead.merged`: the winner after the merge."""

    TYPE: ClassVar[str] = "lead.merged"

    winner_id: LeadId
    loser_id: LeadId
    lead: LeadJson
    lead_version: Version

    @model_validator(mode="after")
    def _of_two_leads(self) -> Self:
        if self.winner_id == self.loser_id or self.lead["lead_id"] != self.winner_id:
            raise ValueError("a merge needs a winner, whose state it carries, and another loser")
        return self
