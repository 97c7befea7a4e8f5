"""What the use cases need of the outside, as protocols."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.capture.domain.people import NewLink, People, Person
from shared.handling.records import Record
from shared.handling.work import Work


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an inbound record. `receipt_id` is the bare id, without its MAC."""

    receipt_id: str
    record: Record
    source: str
    outcome: str
    reason: str | None = None
    field: str | None = None
    lead_id: str | None = None
    row: int | None = None
    repeat_of: str | None = None


class LeadBook(Protocol):
    """Leads and whose identities are whose."""

    async def load(self, work: Work, wanted: Sequence[NewLink]) -> People:
        """Claim the identities that are new, each for the lead that is wanted first, and lock the others with the leads
        they belong to until the work is done."""

    async def load_leads(self, work: Work, lead_ids: Iterable[str]) -> dict[str, Person]:
        """Leads by id, not locked; ids that were merged away lead to the surviving lead."""

    async def save(self, work: Work, people: People) -> None:
        """Store what was changed."""


class ReceiptBook(Protocol):
    """The receipts."""

    async def save(self, work: Work, receipts: Sequence[Receipt]) -> None:
        """Store receipts; one that is there already stands, but for a dead letter that was replayed."""

    async def settled_at(self, work: Work, receipt_ids: Sequence[str]) -> Mapping[str, datetime]:
        """When these were first settled."""


class MergeBook(Protocol):
    """Joining leads."""

    async def lock_pair(self, work: Work, winner_id: str, loser_id: str) -> Mapping[str, Person]:
        """Both leads with the loser's identities, locked; a lead that does not exist or was merged away is absent."""

    async def join(self, work: Work, event_id: str, winner: Person, loser: Person, before: Person, reason: str) -> None:
        """Store the winner as given, hand it the loser's identities, and remember the alias."""
