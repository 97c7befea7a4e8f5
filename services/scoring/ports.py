"""What the use cases need of the outside."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from services.scoring.domain.scoring import CompiledModel
from services.scoring.domain.standing import Standing
from shared.handling.work import Work
from shared.persistence.aliases import Survivor


class Models(Protocol):
    """The scoring model that is live."""

    async def read(self, work: Work) -> CompiledModel:
        """The compiled active version."""
        ...


class Standings(Protocol):
    """Where leads stand, and which were merged away."""

    async def survivors(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, Survivor]:
        """The surviving lead of each merged one, and since which version; the others are absent."""
        ...

    async def lock(self, work: Work, lead_ids: Iterable[str]) -> dict[str, Standing]:
        """The standings of known leads, locked until the end of the transaction."""
        ...

    async def save(self, work: Work, standings: Sequence[Standing]) -> None:
        """Store new and changed standings."""
        ...

    async def save_merges(self, work: Work, merges: Sequence[tuple[str, str, int]]) -> None:
        """Remember (loser, winner, version); of a merge that was taken back the loser is its own winner."""
        ...
