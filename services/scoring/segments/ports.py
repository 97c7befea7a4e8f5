"""What the lane of segments needs of the outside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from services.scoring.segments.domain.inbound import Carried
from services.scoring.segments.domain.membership import CompiledSegments, Interest, Known
from services.scoring.segments.domain.standing import Standing, Told
from shared.handling.records import Record
from shared.handling.work import Work


class SegmentModels(Protocol):
    """The segment rules that are live."""

    async def read(self, work: Work) -> CompiledSegments:
        """The compiled active version."""
        ...


class Behaved(NamedTuple):
    """An event of a lead as it is kept for counting."""

    event_id: str
    lead_id: str
    kind: str
    category: str | None
    at: datetime
    counts: bool


class Correction(NamedTuple):
    """An event that counts, or does not, since it was seen otherwise."""

    event_id: str
    counts: bool
    at: datetime


class Look(NamedTuple):
    """A lead, and when it is to be looked at."""

    lead_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """What somebody said of a lead's interest."""

    event_id: str
    lead_id: str
    interest: Interest
    stated_at: datetime
    author: str


class SegmentBook(Protocol):
    """Segments of leads, what the leads did, and what was said of their interest."""

    async def told(self, work: Work, records: Sequence[Record]) -> Mapping[str, list[Told]]:
        """What these very records moved when they came before, by event id."""
        ...

    async def lock(self, work: Work, lead_ids: Iterable[str]) -> dict[str, Standing]:
        """The standings of leads that have one, locked until the end of the transaction."""
        ...

    async def read(
        self, work: Work, lead_ids: Sequence[str], since: datetime, carried: Mapping[str, Carried] = ...
    ) -> dict[str, Known]:
        """What is known of leads; the others are gone or not scored yet. `carried` is not read again where it is the
        newest."""
        ...

    async def save(self, work: Work, standings: Sequence[Standing], told: Sequence[tuple[Record, Told]]) -> None:
        """Store what changed, and what moved with the record that moved it."""
        ...

    async def survivors(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, str]:
        """The surviving lead of each merged one; the others are absent."""
        ...

    async def save_merges(self, work: Work, merges: Sequence[tuple[str, str, int]]) -> None:
        """Remember (loser, winner, version); of a merge that was taken back the loser is its own winner."""
        ...

    async def note(self, work: Work, behaved: Sequence[Behaved]) -> None:
        """Keep events of leads that were not erased; those that are known stay as they are."""
        ...

    async def correct(self, work: Work, corrections: Sequence[Correction]) -> None:
        """Events that count, or do not, after all, by the newest correction of each."""
        ...

    async def state(self, work: Work, statements: Sequence[Statement]) -> None:
        """Keep what was said; set the timers of those who put off, and take away the others'."""
        ...

    async def stated_by(self, work: Work, records: Sequence[Record]) -> Mapping[str, Statement]:
        """What these records stated when they came before, by event id."""
        ...

    async def newest(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Interest]:
        """The newest statement about each of these leads."""
        ...

    async def due(self, work: Work, since: datetime, after: str | None, until: datetime, limit: int) -> Sequence[Look]:
        """Leads whose moment lies between these two, the earliest first; at `since` those behind `after`."""
        ...

    async def page(self, work: Work, after: str | None, limit: int) -> Sequence[str]:
        """The next leads of a recount."""
        ...

    async def start_run(self, work: Work, run_id: str, reason: str) -> None:
        """Note that a recount has begun."""
        ...

    async def count_run(self, work: Work, run_id: str, looked: int, moved: int, *, ended: bool) -> None:
        """How far a recount has come."""
        ...
