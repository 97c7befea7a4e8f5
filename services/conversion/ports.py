"""What the use cases need of the outside."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.conversion.domain.converting import Converted, Wanted
from services.conversion.domain.gate import Gate
from services.conversion.domain.leads import LeadState
from services.conversion.domain.matching import PartyBook
from services.conversion.domain.parties import Opportunity
from services.conversion.domain.pipeline import Pipeline
from shared.handling.work import Work


@dataclass(frozen=True, slots=True)
class Review:
    """Two converted leads that are one person."""

    review_id: str
    lead_id: str
    other_lead_id: str
    conversion_id: str
    other_conversion_id: str


class Gates(Protocol):
    """The active gate."""

    async def read(self, work: Work) -> Gate:
        """The compiled gate of this batch. Raises NoActiveRules."""


class Pipelines(Protocol):
    """The stages of opportunities."""

    async def read(self, work: Work) -> Pipeline:
        """The active pipeline, which new opportunities begin in. Raises NoActiveRules."""

    async def begun_in(self, work: Work, used: Mapping[str, Any] | None) -> Pipeline:
        """The pipeline that an opportunity began in, by the version that it names; None: the one from before there were
        versions. Raises UnusableRules."""


class Leads(Protocol):
    """The newest parts of each lead."""

    async def add(self, work: Work, states: Mapping[str, LeadState]) -> dict[str, LeadState]:
        """Store leads that were never heard of. The others are locked, left as they are, and given back. Locks are
        taken in id order."""

    async def lock(self, work: Work, lead_ids: Iterable[str]) -> dict[str, LeadState]:
        """Lock leads in id order and read them; unknown ones are absent."""

    async def update(self, work: Work, states: Sequence[LeadState]) -> None:
        """Store leads that the caller has locked."""


class Parties(Protocol):
    """Accounts and contacts by their natural keys."""

    async def reserve(self, work: Work, wanted: Sequence[Wanted]) -> PartyBook:
        """Lock the keys of these leads, in order, and whoever holds them. Free keys are reserved for this transaction:
        another one that wants them waits."""

    async def save(self, work: Work, book: PartyBook) -> None:
        """Store the parties that were created or filled, and who holds the keys."""


class Sales(Protocol):
    """Conversions and opportunities."""

    async def save(self, work: Work, converted: Sequence[Converted]) -> None:
        """Store new conversions and their opportunities."""

    async def conversions_of(self, work: Work, opportunity_ids: Sequence[str]) -> dict[str, Converted]:
        """Conversions by the opportunity that each made, with its newest state."""

    async def lock_opportunity(self, work: Work, opportunity_id: str) -> Opportunity | None:
        """Lock an opportunity and read it."""

    async def save_changed(self, work: Work, opportunity: Opportunity) -> None:
        """Store stage, probability, amount, currency, owner and version of an opportunity."""

    async def open_review(self, work: Work, review: Review) -> None:
        """Ask a person to look; the same review is opened once."""

    async def close_review(self, work: Work, lead_id: str, other_lead_id: str) -> None:
        """Close the review about two converted leads that are two people after all."""
