"""What the use cases need of the outside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.scoring.domain.scoring import CompiledModel
from services.scoring.domain.standing import Standing
from shared.handling.work import Work


class Models(Protocol):
    """The scoring model that is live."""

    async def read(self, work: Work) -> CompiledModel:
        """The compiled active version."""
        ...


class Standings(Protocol):
    """Where leads stand, and which were merged away."""

    async def survivors(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, str]:
        """The surviving lead of each merged one; the others are absent."""
        ...

    async def lock(self, work: Work, lead_ids: Iterable[str]) -> dict[str, Standing]:
        """The standings of known leads, locked until the end of the transaction."""
        ...

    async def save(self, work: Work, standings: Sequence[Standing]) -> None:
        """Store new and changed standings."""
        ...

    async def save_merges(self, work: Work, merges: Sequence[tuple[str, str, int]]) -> None:
        """Remember (loser, winner, version)."""
        ...


@dataclass(frozen=True, slots=True)
class PublishedRules:
    """A version of rules as it was published."""

    kind: str
    version: int
    name: str
    content_hash: str
    document: str
    author: str
    reason: str
    published_at: datetime


class RuleVersions(Protocol):
    """The published versions of rules."""

    async def publish(
        self, work: Work, *, name: str, content_hash: str, document: str, author: str, reason: str
    ) -> PublishedRules:
        """Make a checked document the active version."""
        ...

    async def published_by(self, work: Work, command_id: str) -> PublishedRules:
        """The version that a completed command made active."""
        ...
