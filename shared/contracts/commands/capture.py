"""Commands that capture obeys, and the submission that sources send."""

from typing import ClassVar

from shared.contracts.base import Contract

LEAD_SUBMITTED = "lead.submitted"


class MergeLeads(Contract):
    """Join two leads that are one person; the winner keeps its id."""

    TYPE: ClassVar[str] = "lead.merge"

    winner_id: str
    loser_id: str
    reason: str


class EraseLead(Contract):
    """Erase a person's data, found by the lead's id."""

    TYPE: ClassVar[str] = "lead.erase"

    lead_id: str
    reason: str
