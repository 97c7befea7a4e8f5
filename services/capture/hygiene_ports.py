"""What the nightly look at leads asks of its adapters."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from services.capture.domain.verifying import Contact, Finding
from shared.handling.work import Work


class CheckRun(NamedTuple):
    """A run that is under way, and the lead that it goes on from."""

    run_id: str
    after: str | None


class DuePage(NamedTuple):
    """Leads to look at, and the one that the next page goes on from; `is_last`: there is no further page."""

    lead_ids: Sequence[str]
    last: str | None
    is_last: bool


class CheckBook(Protocol):
    """The runs, and when each lead is looked at next."""

    async def start(self, work: Work, run_id: str, asked_by: str) -> bool:
        """Begin a run; False where one is under way."""

    async def lease(self, work: Work, until: datetime) -> CheckRun | None:
        """The run that is under way, unless somebody else works on its next page."""

    async def due(self, work: Work, after: str | None, limit: int) -> DuePage:
        """The next leads that are due, in the order of their ids. However few are due, one look is bounded."""

    async def goes_on_from(self, work: Work, run_id: str, after: str | None) -> bool:
        """Whether the run, locked, is under way and at this lead."""

    async def advance(
        self, work: Work, run_id: str, last: str | None, *, checked: int, changed: int, ends: bool
    ) -> None:
        """Go on behind that lead."""

    async def postpone(self, work: Work, due_at: Mapping[str, datetime]) -> None:
        """Note when these leads are looked at next."""


class Verifier(Protocol):
    """Finds out whether leads can still be reached, and where they are now. It is asked beside the lanes: it may take
    its time."""

    async def verify(self, contacts: Sequence[Contact]) -> Sequence[Finding]:
        """What was found, of those leads of whom something was. Raises VerifierUnavailable where nobody answers."""

    async def close(self) -> None:
        """Close what is open."""


class VerifierUnavailable(Exception):
    """A verifier does not answer: its leads are asked about again the night after."""
