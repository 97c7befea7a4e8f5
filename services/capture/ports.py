"""What the use cases need of the outside, as protocols."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol

from services.capture.domain.consent import Statement
from services.capture.domain.doubles import Sent
from services.capture.domain.erasing import ErasedFamily
from services.capture.domain.expiring import ListPolicy
from services.capture.domain.identity import IdentityKey
from services.capture.domain.joining import Merge
from services.capture.domain.people import NewLink, People, Submitted
from services.capture.domain.person import Person
from services.capture.domain.validation import Validation
from services.capture.sources.configured import ConfiguredSource
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


class StoredMerge(NamedTuple):
    """A merge as it was made. `separable` ones can be taken back; `unmerged_version` is set once they were."""

    merge_id: str
    winner_id: str
    loser_id: str
    version: int
    reason: str
    evidence: Mapping[str, str]
    merged_at: str
    separable: bool
    unmerged_version: int | None


class StoredPair(NamedTuple):
    """Two leads that may be one person, and what was decided: `open`, `kept` (two people) or `merged`."""

    pair_id: str
    lead_id: str
    other_id: str
    status: str
    points: int
    evidence: Mapping[str, str]
    raised_at: datetime
    reason: str | None
    decided_at: str | None


class Standing(NamedTuple):
    """What a receipt says as it is stored."""

    outcome: str
    reason: str | None
    field: str | None
    lead_id: str | None
    settled_at: datetime


class LeadBook(Protocol):
    """Leads and whose identities are whose."""

    async def load(self, work: Work, wanted: Sequence[NewLink]) -> People:
        """Claim the identities that are new, each for the lead that is wanted first, and lock the others with the leads
        they belong to until the work is done."""

    async def load_likes(self, work: Work, people: People, submissions: Sequence[Submitted]) -> None:
        """Lock, beside them, the leads that those submissions may be compared to which no identifier of one person
        places, and find out which pairs somebody decided to be two people."""

    async def load_leads(self, work: Work, lead_ids: Iterable[str]) -> dict[str, Person]:
        """Leads by id, not locked; ids that were merged away lead to the surviving lead."""

    async def save(self, work: Work, people: People) -> None:
        """Store what was changed, but for merges."""

    async def lock_leads(self, work: Work, lead_ids: Iterable[str]) -> dict[str, Person]:
        """Leads by the ids that were asked for, locked; ids that were merged away lead to the surviving lead."""

    async def save_leads(self, work: Work, people: Iterable[Person]) -> None:
        """Store leads as they stand."""


class ReferrerBook(Protocol):
    """Who has the address by which a referrer is told."""

    async def find(self, work: Work, keys: Collection[IdentityKey]) -> Mapping[IdentityKey, list[str]]:
        """The leads of those addresses that somebody has, as they stand after merges. Nothing is locked."""


class TargetBook(Protocol):
    """Who is a target, and what becomes of targets in time."""

    async def add(self, work: Work, targets: Mapping[str, str]) -> None:
        """Note targets with the name of their list; those that are known stay as they are."""

    async def remove(self, work: Work, lead_ids: Sequence[str]) -> None:
        """These are no targets, or not any more."""

    async def policies(self, work: Work, lists: Sequence[str]) -> Mapping[str, ListPolicy]:
        """What is set for these lists."""

    async def set_policy(self, work: Work, list_name: str, policy: ListPolicy, author: str) -> None:
        """Set it; the empty name is for all lists without one of their own."""

    async def due(self, work: Work, list_name: str, listed_before: datetime, limit: int) -> Sequence[str]:
        """Targets of a list that were listed until then, the earliest first."""

    async def oldest(self, work: Work, lists: Sequence[str] | None = None) -> Mapping[str, datetime]:
        """When the earliest target of each list, or of every one, was listed."""


class ValidationBook(Protocol):
    """The validation rules that are active."""

    async def read(self, work: Work) -> Validation:
        """The compiled rules of this batch; none where no version was ever published."""


class ReceiptBook(Protocol):
    """The receipts."""

    async def save(self, work: Work, receipts: Sequence[Receipt]) -> None:
        """Store receipts; one that is there already stands, but for a dead letter that was replayed."""

    async def standing(self, work: Work, receipt_ids: Sequence[str]) -> Mapping[str, Standing]:
        """What these say."""


class MergeBook(Protocol):
    """Joining leads, and taking that back."""

    async def lock_pair(self, work: Work, winner_id: str, loser_id: str) -> Mapping[str, Person]:
        """Both leads, locked; a lead that does not exist or was merged away is absent."""

    async def lock_tree(self, work: Work, root_id: str) -> Mapping[str, Person]:
        """A lead with all that were merged into it, and into those, locked."""

    async def save(self, work: Work, merges: Sequence[Merge], people: Iterable[Person]) -> None:
        """Store merges, the aliases that follow, and the leads as they stand."""

    async def find(self, work: Work, merge_ids: Iterable[str]) -> Mapping[str, StoredMerge]:
        """Merges by id."""

    async def find_newest(self, work: Work, loser_id: str, *, undone: bool) -> StoredMerge | None:
        """The merge by which a lead was merged away and still is; or the newest of those that were taken back."""

    async def take_back(self, work: Work, merge: StoredMerge, version: int, people: Iterable[Person]) -> None:
        """Store that a merge is undone, and the leads as they stand."""


class PairBook(Protocol):
    """The pairs of leads that people decide on."""

    async def find(self, work: Work, pair_id: str) -> StoredPair | None:
        """A pair by id."""

    async def decide(self, work: Work, pair_id: str, status: str, reason: str) -> None:
        """Store what was decided about a pair."""

    async def keep(self, work: Work, pair_id: str, lead_id: str, other_id: str, event_id: str, reason: str) -> None:
        """Store that two leads are two people, whether they were asked about or not."""


@dataclass(frozen=True, slots=True)
class PersonRequest:
    """Who asked for a person's data to be erased or handed out, when and why. Never changed, kept for ever."""

    request_id: str
    kind: str
    reason: str
    requested_by: str
    families: Sequence[ErasedFamily]
    kept_out: int = 0


HeldState = Literal["held", "released", "rejected", "erased"]


@dataclass(frozen=True, slots=True)
class Held:
    """A submission on its way into quarantine: the record as it came, why, and whom it names."""

    record: Record
    source: str
    reasons: Sequence[str]
    points: int
    keys: Sequence[IdentityKey]


class QuarantineBook(Protocol):
    """What waits in quarantine, and what became of it."""

    async def hold(self, work: Work, held: Sequence[Held]) -> None:
        """Keep submissions; one that is there already stands."""

    async def lock(self, work: Work, event_id: str) -> tuple[HeldState, Record | None] | None:
        """One, locked, with its record as it came (None where it was erased)."""

    async def settle(
        self, work: Work, event_id: str, state: HeldState, lead_id: str | None, settled_by: str, note: str
    ) -> None:
        """Note who settled it and how."""


class ConsentBook(Protocol):
    """What people agreed to and refused."""

    async def add(self, work: Work, statements: Sequence[Statement]) -> None:
        """Store statements; one that is there already stands."""


class Conversion(NamedTuple):
    """A lead that became an account, a contact and an opportunity."""

    opportunity_id: str
    lead_id: str
    account_id: str
    contact_id: str
    converted_at: datetime


class ConversionBook(Protocol):
    """Which leads were converted, as conversion says."""

    async def add(self, work: Work, conversions: Sequence[Conversion]) -> None:
        """Keep conversions; one that is there already stands."""

    async def converted_among(self, work: Work, lead_ids: Sequence[str]) -> frozenset[str]:
        """Those of these leads that were converted."""


class ErasureBook(Protocol):
    """Erasing people, and what keeps them from coming back."""

    async def lock(self, work: Work, lead_ids: Sequence[str]) -> Sequence[ErasedFamily]:
        """The families of these leads with the version that they have once they are erased. All of their rows are locked,
        identities first. A lead that does not exist is in none. Without leads: locked against everybody who adds one."""

    async def find(self, work: Work, lead_ids: Sequence[str]) -> Sequence[ErasedFamily]:
        """The families of these leads as they are, not locked."""

    async def erase(
        self, work: Work, families: Sequence[ErasedFamily], digests: Sequence[str], waiting: Sequence[str]
    ) -> int:
        """Blank the locked families in every table, and these events that wait without a lead; keep tombstones, and keep
        their identifiers out, with those of these digests; how many identifiers that were."""

    async def kept_out(self, work: Work, keys: Sequence[IdentityKey]) -> Mapping[IdentityKey, int]:
        """When (microseconds since 1970) the people of these identifiers were erased, for those that were."""

    async def is_erased(self, work: Work, lead_ids: Sequence[str]) -> bool:
        """Whether any of these leads was erased."""

    async def note(self, work: Work, request: PersonRequest) -> None:
        """Remember a request."""

    async def noted(self, work: Work, request_id: str) -> PersonRequest | None:
        """A request."""


class DoubleBook(Protocol):
    """Forms that were sent lately."""

    async def known(self, work: Work, digests: Sequence[str]) -> Mapping[str, Sent]:
        """Those of these digests that were sent before."""

    async def save(self, work: Work, sent: Sequence[Sent]) -> None:
        """Remember forms, each in place of an earlier one of its digest."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A lead that a provider has announced by its id. `attempts` counts the failed ones."""

    source: str
    provider_id: str
    notification: str
    occurred_at: str | None = None
    attempts: int = 0
    announced_at: datetime | None = None


class AnnouncedBook(Protocol):
    """Leads that have to be fetched from their provider."""

    async def note(self, work: Work, announced: Announced) -> None:
        """Remember that it is to be fetched; one that is known already stays as it is."""

    async def withdraw(self, work: Work, source: str, provider_id: str) -> Sequence[str]:
        """Fetch it no more, whenever it is announced; the leads that were made of it."""

    async def lease(self, work: Work, *, until: datetime, most: int) -> Sequence[Announced]:
        """Those that are due, for nobody else until then."""

    async def settle(self, work: Work, announced: Announced, state: str, reason: str | None) -> None:
        """It is `done` or `failed`, unless it was withdrawn meanwhile."""

    async def postpone(self, work: Work, announced: Announced, due_at: datetime, reason: str) -> None:
        """It is tried again at that time."""

    async def purge(self, work: Work) -> None:
        """Forget what was settled 100 days ago."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A lead as its provider gave it: its bytes, read by the source's own reader."""

    raw: bytes
    is_test: bool = False
    occurred_at: str | None = None
    provider_id: str | None = None


@dataclass(frozen=True, slots=True)
class NotNow:
    """The provider cannot give it now. `after_s` is what it asked to wait, if it did."""

    reason: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class NotEver:
    """The provider will not give it: it is gone, or not ours to read."""

    reason: str


class LeadProvider(Protocol):
    """A provider that leads are fetched from, one by one or by a range of time. Never raises for what it answers."""

    async def fetch(self, source: ConfiguredSource, provider_id: str) -> Fetched | NotNow | NotEver:
        """One lead."""

    def listed(
        self, source: ConfiguredSource, since: datetime, until: datetime
    ) -> AsyncIterator[Sequence[Fetched] | NotNow | NotEver]:
        """All leads that were made from `since` until before `until`, page by page; what is no page is the last."""

    async def close(self) -> None:
        """Give back its connections."""
