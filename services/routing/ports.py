"""What the use cases need from the tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from services.routing.domain.assignment import Turn
from services.routing.domain.roster import Roster
from services.routing.domain.rules import AssignmentPolicy
from shared.handling.work import Work
from shared.persistence.aliases import Survivor
from shared.persistence.erasing import PersonalTables


class RoutedLead(NamedTuple):
    """The newest state of a lead. `lead`, `score`, `origin`, `assignment` are JSON, published as they are."""

    lead_id: str
    lead_version: int
    lead: bytes
    score_version: int
    score: bytes
    origin: bytes
    assignment: bytes
    assignment_version: int
    owner: str | None
    queue: str | None
    assigned_at: datetime
    erased: bool = False

    def given_to(self, assignment: bytes, *, owner: str | None, queue: str | None, at: datetime) -> "RoutedLead":
        """The state with the next assignment."""
        return self._replace(
            assignment=assignment,
            assignment_version=self.assignment_version + 1,
            owner=owner,
            queue=queue,
            assigned_at=at,
        )


class Leads(Protocol):
    """The routed leads."""

    async def lock(self, work: Work, lead_ids: Iterable[str]) -> dict[str, RoutedLead]:
        """The stored states of these leads, locked in the order of their ids until the transaction ends."""
        ...

    async def add(self, work: Work, leads: Sequence[RoutedLead]) -> None:
        """Store leads that were not there. Raises a transient error when another worker was quicker with one."""
        ...

    async def update(self, work: Work, leads: Sequence[RoutedLead]) -> None:
        """Replace the states of leads that were locked before."""
        ...

    async def queues_in_use(self, work: Work) -> tuple[str, ...]:
        """The queues that hold leads, in order."""
        ...


class Rotations(Protocol):
    """Whose turn it was last."""

    async def lock(self, work: Work, rotations: Iterable[str]) -> dict[str, str | None]:
        """The last assigned member of each rotation, locked until the transaction ends."""
        ...

    async def save(self, work: Work, turns: Iterable[Turn]) -> None:
        """The new last members."""
        ...


class Members(Protocol):
    """The members of the queues."""

    async def roster(self, work: Work) -> Roster:
        """Every member."""
        ...

    async def save(self, work: Work, member_id: str, name: str, queues: Sequence[str], *, active: bool) -> None:
        """Create or replace a member."""
        ...


class Rules(Protocol):
    """The published rules."""

    async def read(self, work: Work) -> AssignmentPolicy:
        """The active version, compiled."""
        ...


class Aliases(Protocol):
    """Leads that were merged away."""

    async def resolve(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, str]:
        """The surviving lead of each merged one; the others are absent."""
        ...

    async def resolve_at(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, Survivor]:
        """The same, with the version since which it is so."""
        ...

    async def save(self, work: Work, loser_id: str, winner_id: str, version: int) -> None:
        """Remember a merge, unless a newer one is known; a lead that is its own winner stands by itself."""
        ...


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything that the use cases load and save."""

    leads: Leads
    rotations: Rotations
    members: Members
    rules: Rules
    aliases: Aliases
    personal: Sequence[PersonalTables]
