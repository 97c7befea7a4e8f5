"""What the use cases need of the outside, as protocols."""

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
