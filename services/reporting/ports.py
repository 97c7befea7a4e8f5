"""What the use cases need of the outside, as protocols."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from services.reporting.domain.rows import Rows
from shared.contracts.events.platform import AccessGranted
from shared.handling.work import Work


class EventStore(Protocol):
    """Holds every event, the ledger and the aggregates."""

    async def save(self, work: Work, rows: Rows) -> None:
        """Write a batch: one statement a table. What is there already stays as it is and counts nothing."""


class KeyStore(Protocol):
    """Holds the keys, as hashes."""

    async def read(self, work: Work, key_id: str) -> AccessGranted | None:
        """A key as it is now, or None. Locks it until the transaction ends."""

    async def save(self, work: Work, granted: AccessGranted) -> None:
        """Store a key's state."""

    async def listed(self, work: Work) -> list[dict[str, Any]]:
        """Every key, without hashes, newest first."""


class PreviewBusy(Exception):
    """Another preview is under way."""


class PreviewFailed(Exception):
    """A preview came to no report; the text says what to do."""


class PreviewRunner(Protocol):
    """Runs drafts of rules over a past. It lives above the services, whose domains it puts together."""

    async def run(self, job: Mapping[str, Any], past: AsyncIterator[bytes]) -> dict[str, Any]:
        """The report, or `problems` of the drafts. `past` are pieces as `domain.frames` writes them. Raises PreviewBusy
        and PreviewFailed."""
