"""What the use cases of behaviour need of the outside; the other protocols are in `ports.py`."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import orjson

from services.capture.domain.behaviour.stitching import Known, Party
from services.capture.domain.identity import IdentityKey
from shared.handling.work import Work


class Kept(NamedTuple):
    """An event as it is kept. `waits_for` is the stranger whose it is, until `settled_by`, its own event or another
    one, made it a lead's; `linked_by` is the event by which its visitor was known, also where that was taken back since.
    Digests are 32 hexadecimal signs."""

    event_id: str
    occurred_us: int
    received_ms: int
    waits_for: str | None
    lead_id: str | None
    settled_by: str | None
    linked_by: str | None
    visitor: str | None
    message: str | None
    matched_by: str | None
    body: str
    context: str | None
    tells: str | None = None
    """What it tells of its lead beside that it happened, as `domain.behaviour.telling` writes it."""

    @property
    def kind(self) -> str:
        """What was done."""
        kind: str = orjson.loads(self.body)["kind"]
        return kind


class Settlement(NamedTuple):
    """An event that waited is a lead's now."""

    event_id: str
    lead_id: str
    settled_by: str
    linked_by: str | None
    matched_by: str


class BehaviourBook(Protocol):
    """What people did, and who strangers are."""

    async def people(self, work: Work, keys: Iterable[IdentityKey], lead_ids: Iterable[str]) -> Known:
        """The leads of identities and ids, merged ones as the surviving lead. A phone that several share names none."""

    async def lock(self, work: Work, parties: Mapping[str, bool]) -> dict[str, Party]:
        """Strangers by digest, made where they are new, locked until the work is done; true: a person, no visitor."""

    async def waiting(self, work: Work, parties: Sequence[str], limit: int) -> list[Kept]:
        """Events that wait for these, the oldest of each first, no more than `limit`; locked."""

    async def settled_by(self, work: Work, event_ids: Sequence[str]) -> list[Kept]:
        """Events that became a lead's by one of these, by the time at which they happened."""

    async def targets_among(self, work: Work, lead_ids: Sequence[str]) -> Collection[str]:
        """Those of these leads that are targets, or that never responded in time."""

    async def clicks(self, work: Work, messages: Sequence[str]) -> Sequence[tuple[str, int]]:
        """When (microseconds since 1970) links in these messages were clicked, the last thousand."""

    async def leads_awaited(self, work: Work, persons: Sequence[str]) -> Mapping[str, str]:
        """The leads of those persons for whom there is one now."""

    async def visitors_among(self, work: Work, parties: Sequence[str]) -> Sequence[str]:
        """The visitors of events that wait for these."""

    async def judged(self, work: Work, since_ms: int, until_ms: int, after: str, limit: int) -> list[Kept]:
        """Events that can be judged again, received in a time, those of its first millisecond after this id; locked."""

    async def correct(self, work: Work, changed: Sequence[Kept], corrected_by: str) -> None:
        """Store events that are seen otherwise now, because of a command."""

    async def corrected_by(self, work: Work, event_id: str) -> list[Kept]:
        """Events that a command corrected, in the order of their ids."""

    async def unlink(self, work: Work, visitor: str, lead_id: str, unlinked_by: str) -> Sequence[str]:
        """Take back what says that a visitor is this lead; the events that had said so."""

    async def came_by(self, work: Work, links: Sequence[str], lead_id: str, limit: int) -> list[Kept]:
        """Events that are this lead's by these links alone; locked."""

    async def save(
        self, work: Work, new: Sequence[Kept], settled: Sequence[Settlement], parties: Iterable[Party]
    ) -> None:
        """Store new events, those that found their lead, and what changed of strangers."""
