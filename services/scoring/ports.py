"""What the use cases need of the outside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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

    async def lock(self, work: Work, lead_ids: Iterable[str], *, all_logs: bool = False) -> dict[str, Standing]:
        """The standings of known leads, locked until the end of the transaction, with the logs of those that are noted to
        have some. `all_logs`: of each, because who is merged into whom has changed, or logs are added to."""
        ...

    async def save(self, work: Work, standings: Sequence[Standing]) -> None:
        """Store new and changed standings, their logs, and the timers of their turns."""
        ...

    async def take_timers(self, work: Work, fired: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
        """Which of these settings of timers still stand; they are used up with that."""
        ...

    async def save_merges(self, work: Work, merges: Sequence[tuple[str, str, int]]) -> None:
        """Remember (loser, winner, version); of a merge that was taken back the loser is its own winner."""
        ...


@dataclass(frozen=True, slots=True)
class Shadow:
    """A draft that is to run beside the live model."""

    shadow_id: str
    name: str
    content_hash: str
    document: str
    author: str
    reason: str


class ShadowRow(Protocol):
    """Which draft runs beside the live model."""

    async def start(self, work: Work, shadow: Shadow) -> None:
        """Let this one run, in the place of any other; what others counted is forgotten."""
        ...

    async def stop(self, work: Work) -> bool:
        """Let none run. Whether one did. What it counted can still be read until the next one starts."""
        ...
