"""The rows of a batch, by table, as values. What is written twice is written once: every table has a natural key."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from services.reporting.domain.ledger import FINAL, Place
from services.reporting.domain.lists import Listing
from services.reporting.domain.pages import Pages


class Received(NamedTuple):
    """What is kept of inbound records beside their coordinates. `day` counts from 1970, by Kafka's timestamp."""

    source: str
    topic: str
    day: int


class OutcomeRow(NamedTuple):
    """What an event says became of an inbound record."""

    topic_id: str
    partition: int
    offset: int
    event_id: str
    outcome: str
    reason: str | None
    lead_id: str | None
    receipt_id: str | None
    settled_at: datetime


class Kept(NamedTuple):
    """An event that is kept as it came. `at` is in microseconds since 1970; `stages` are those that the lead reached
    with it, as a set of bits."""

    event_id: str
    type: str
    topic: str
    partition: int
    offset: int
    at: int
    source: str | None
    lead_id: str
    value: bytes
    topic_id: str
    stages: int
    outcome: OutcomeRow | None


class EventRow(NamedTuple):
    """An event, without personal data. `received_ms` is Kafka's timestamp: a redelivery meets the same month."""

    topic_id: str
    partition: int
    offset: int
    received_ms: int
    event_id: str
    topic: str
    type: str
    occurred_at: datetime
    source: str | None
    lead_id: str | None
    facts: str


class PersonalRow(NamedTuple):
    """The personal part of an event, apart from it."""

    topic_id: str
    partition: int
    offset: int
    received_ms: int
    lead_id: str
    personal: str


class ParkedRow(NamedTuple):
    """A record that could not be processed, was refused, or could not be read. `key`, `value` and `all_headers` (JSON
    pairs of name and base64) are personal. `row_number` is that of an imported file; `replay_of` the first letter."""

    parked_id: str
    kind: str
    service: str
    reason: str
    place: str | None
    source: str | None
    topic: str
    topic_id: str | None
    partition: int | None
    offset: int | None
    event_id: str
    lead_id: str | None
    headers: str
    parked_at: datetime
    key: bytes | None
    value: bytes | None
    all_headers: str | None = None
    row_number: int | None = None
    replay_of: str | None = None
    attempt: int | None = None


class ReplayRow(NamedTuple):
    """A replay, as far as one record tells of it: the request, or what became of it. The other part is None."""

    command_id: str
    run_id: str | None
    parked_id: str | None
    first_id: str | None
    service: str | None
    requested_by: str | None
    note: str | None
    edited: bool | None
    requested_at: datetime | None
    status: str | None
    outcome: str | None
    reason: str | None
    completed_at: datetime | None
    result: str | None


class MaterialRow(NamedTuple):
    """A step that a lead took with a material: requested, sent, delivered, opened, replied. `at_us` counts from 1970;
    a machine's step is kept and does not count."""

    event_id: str
    material_id: str
    lead_id: str
    step: str
    at_us: int
    human: bool


@dataclass(slots=True)
class Rows:
    """Everything that a batch writes.

    `stored` marks the records of `kept`, `received` the inbound ones. `final` are outcomes that stand, `outcomes` those
    that another may follow; the outcomes of what is kept come to them when it is known to be new. Of behaviour, `observed`
    marks what came, and `fates` what became of it; `replayed_places` are records of which a replay was asked for; `listed` marks records that came on a list, `listings` say of rarer events whose first list it was; `corrected` says of `lead.behaved` whether they count after all.
    """

    received: Pages = field(default_factory=Pages)
    observed: Pages = field(default_factory=Pages)
    fates: Pages = field(default_factory=Pages)
    materials: list[MaterialRow] = field(default_factory=list)
    corrected: dict[str, bool] = field(default_factory=dict)
    stored: Pages = field(default_factory=Pages)
    kept: list[Kept] = field(default_factory=list)
    final: list[OutcomeRow] = field(default_factory=list)
    outcomes: list[OutcomeRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    personal: list[PersonalRow] = field(default_factory=list)
    parked: list[ParkedRow] = field(default_factory=list)
    replays: dict[str, ReplayRow] = field(default_factory=dict)
    listed: Pages = field(default_factory=Pages)
    listings: list[Listing] = field(default_factory=list)
    replayed_places: list[Place] = field(default_factory=list)
    aliases: dict[str, tuple[str, int]] = field(default_factory=dict)
    erased: dict[str, int] = field(default_factory=dict)
    """Final versions of leads whose person was erased."""
    purged: dict[str, str] = field(default_factory=dict)
    """Of these, those that a retention policy purged, and what they were."""

    def settle(self, row: OutcomeRow) -> None:
        """Note what became of a submission."""
        (self.final if row.outcome in FINAL else self.outcomes).append(row)

    def replayed(self, row: ReplayRow) -> None:
        """Note what a record tells of a replay; what was told before stands."""
        held = self.replays.get(row.command_id, row)
        self.replays[row.command_id] = ReplayRow._make(
            new if old is None else old for old, new in zip(held, row, strict=True)
        )

    def merged(self, loser_id: str, winner_id: str, version: int) -> None:
        """Note a merge; the newest version of a loser stands."""
        held = self.aliases.get(loser_id)
        if held is None or held[1] < version:
            self.aliases[loser_id] = (winner_id, version)


def columns(rows: list[Any], width: int) -> list[list[Any]]:
    """Rows as columns, for unnest."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
