"""What the use cases need of the outside, as protocols."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.capture.domain.erasing import ErasedFamily
from services.capture.domain.identity import IdentityKey
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


@dataclass(frozen=True, slots=True)
class PersonRequest:
    """Who asked for a person's data to be erased or handed out, when and why. Never changed, kept for ever."""

    request_id: str
    kind: str
    reason: str
    requested_by: str
    families: Sequence[ErasedFamily]
    kept_out: int = 0


class ErasureBook(Protocol):
    """Erasing people, and what keeps them from coming back."""

    async def lock(self, work: Work, lead_ids: Sequence[str]) -> Sequence[ErasedFamily]:
        """The families of these leads with the version that they have once they are erased. All of their rows are locked,
        identities first. A lead that does not exist is in none. Without leads: locked against everybody who adds one."""

    async def find(self, work: Work, lead_ids: Sequence[str]) -> Sequence[ErasedFamily]:
        """The families of these leads as they are, not locked."""

    async def erase(self, work: Work, families: Sequence[ErasedFamily], digests: Sequence[str]) -> int:
        """Blank the locked families in every table, keep their tombstones, and keep their identifiers out, with those of
        these digests; how many identifiers that were."""

    async def kept_out(self, work: Work, keys: Sequence[IdentityKey]) -> Mapping[IdentityKey, int]:
        """When (microseconds since 1970) the people of these identifiers were erased, for those that were."""

    async def is_erased(self, work: Work, lead_ids: Sequence[str]) -> bool:
        """Whether any of these leads was erased."""

    async def note(self, work: Work, request: PersonRequest) -> None:
        """Remember a request."""

    async def noted(self, work: Work, request_id: str) -> PersonRequest | None:
        """A request."""
