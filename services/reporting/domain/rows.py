"""The rows of a batch, by table, as values. What is written twice is written once: every table has a natural key."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple


class InboundRow(NamedTuple):
    """A record that a source sent."""

    topic_id: str
    partition: int
    offset: int
    topic: str
    event_id: str
    source: str
    received_ms: int


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
    """A record that could not be processed, was refused, or could not be read. `value` and `key` are personal."""

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


class StageRow(NamedTuple):
    """The first time that a lead reached a stage."""

    lead_id: str
    stage: str
    first_at: datetime
    source: str


@dataclass(slots=True)
class Rows:
    """Everything that a batch writes."""

    inbound: list[InboundRow] = field(default_factory=list)
    outcomes: list[OutcomeRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    personal: list[PersonalRow] = field(default_factory=list)
    parked: list[ParkedRow] = field(default_factory=list)
    aliases: dict[str, tuple[str, int]] = field(default_factory=dict)
    _stages: dict[tuple[str, str], tuple[datetime, str]] = field(default_factory=dict)

    def reached(self, lead_id: str, stage: str, at: datetime, source: str) -> None:
        """Note that a lead reached a stage; the earliest time stands, whatever the order."""
        key, found = (lead_id, stage), (at, source)
        held = self._stages.get(key)
        if held is None or found < held:
            self._stages[key] = found

    def merged(self, loser_id: str, winner_id: str, version: int) -> None:
        """Note a merge; the newest version of a loser stands."""
        held = self.aliases.get(loser_id)
        if held is None or held[1] < version:
            self.aliases[loser_id] = (winner_id, version)

    @property
    def stages(self) -> list[StageRow]:
        """Stages reached, sorted by key, so that two batches lock them in the same order."""
        return [StageRow(*key, *found) for key, found in sorted(self._stages.items())]


def columns(rows: list[Any], width: int) -> list[list[Any]]:
    """Rows as columns, for unnest."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
