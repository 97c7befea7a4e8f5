"""What journeys need of the outside."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from services.scoring.journeys.domain.running import Around, CompiledJourneys, Run, Taken
from shared.handling.records import Record
from shared.handling.work import Work


class JourneyModels(Protocol):
    """The journeys that are live."""

    async def read(self, work: Work) -> CompiledJourneys:
        """The compiled active version."""
        ...


class ToldStep(NamedTuple):
    """A step as it was published, so that a redelivery publishes it again."""

    taken: Taken
    seq: int
    at: str
    rules_version: int


class Redemption(NamedTuple):
    """An offer that was made use of: whose it was, and what it brought."""

    send_id: str
    run_id: str
    lead_id: str
    journey: str
    step: str
    code: str
    amount: str | None
    currency: str | None
    redeemed_at: datetime


class Redeeming(NamedTuple):
    """What a `offer.redeemed` of a source says."""

    event_id: str
    code: str
    amount: str | None
    currency: str | None
    at: datetime


class JourneyBook(Protocol):
    """Runs, their steps, what is sent, and offers."""

    async def told(self, work: Work, records: Sequence[Record]) -> Mapping[str, list[ToldStep]]:
        """The steps that these very records led to when they came before, by event id."""
        ...

    async def lock(self, work: Work, lead_ids: Iterable[str]) -> dict[str, list[Run]]:
        """The runs of leads, the newest first, locked until the end of the transaction."""
        ...

    async def around(
        self, work: Work, runs: Mapping[str, Sequence[Run]], lead_ids: Iterable[str], rules: CompiledJourneys
    ) -> dict[str, "Surroundings"]:
        """What steps of leads rest on."""
        ...

    async def save(self, work: Work, runs: Sequence[Run], steps: Sequence[tuple[Record, ToldStep]]) -> None:
        """Store what changed, with what is to be sent, and set or take away the runs' timers."""
        ...

    async def release(self, work: Work, send_ids: Sequence[str]) -> None:
        """These were published: they may be sent."""
        ...

    async def drop(self, work: Work, run_ids: Sequence[str]) -> None:
        """What these runs have not sent yet is not sent any more."""
        ...

    async def redeem(self, work: Work, said: Sequence[Redeeming]) -> Mapping[str, Redemption]:
        """Use up the codes that are valid and were not used; what each event redeemed, also when it comes again."""
        ...

    async def members(self, work: Work, segment: str, after: str | None, limit: int) -> Sequence[str]:
        """The next leads that are in a segment, by id."""
        ...

    async def family(self, work: Work, lead_ids: Iterable[str]) -> Mapping[str, str]:
        """The surviving lead of each merged one; the others are absent."""
        ...


class Surroundings(Protocol):
    """A lead's facts for each of its runs, and when it was written to."""

    @property
    def members(self) -> Mapping[str, str]:
        """The segments that it is in now, each since when (RFC 3339)."""
        ...

    def of(self, run: Run) -> Around:
        """As this run sees them: what was done counts since it began."""
        ...
