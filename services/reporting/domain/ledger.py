"""The ledger: every received record ends in exactly one outcome, or is counted as in flight.

received = new + merged + rejected + dead_lettered + quarantined + test + in_flight, per source. In flight is counted
by anti-join (a received record without an outcome), never computed as the difference.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

FINAL: Final = ("new", "merged", "rejected", "test")
REJECTED: Final = "rejected"
# Where a record has one of these, that it was refused before says only that somebody replayed it.
ADMITTED: Final = ("new", "merged", "test")
PROVISIONAL: Final = ("dead_lettered", "quarantined")
OUTCOMES: Final = ("new", "merged", "rejected", "dead_lettered", "quarantined", "test")
# Of behaviour: what became of an event, the one that counts first. An event that was nobody's may become a lead's, and a
# dead letter anything.
STITCHED: Final = "stitched"
FATES: Final = (STITCHED, "rejected", "repeated", "test", "anonymous", "dead_lettered")


class Place(NamedTuple):
    """Where a received record stands in Kafka."""

    topic_id: str
    partition: int
    offset: int


class Settlement(NamedTuple):
    """What one event says became of a received record."""

    place: Place
    outcome: str
    reason: str | None
    lead_id: str | None
    receipt_id: str | None


@dataclass(frozen=True, slots=True)
class Balance:
    """One source's line of the ledger; every figure is counted by itself."""

    source: str
    received: int
    new: int
    merged: int
    rejected: int
    dead_lettered: int
    quarantined: int
    test: int
    in_flight: int

    @property
    def settled(self) -> int:
        """Records with an outcome."""
        return self.new + self.merged + self.rejected + self.dead_lettered + self.quarantined + self.test

    @property
    def balanced(self) -> bool:
        """Whether the equation holds."""
        return self.received == self.settled + self.in_flight


@dataclass(frozen=True, slots=True)
class StageEquation:
    """Leads that entered a stage, and where each of them is: done, dead-lettered there, or waiting."""

    stage: str
    entered: int
    done: int
    dead_lettered: int
    waiting: int

    @property
    def balanced(self) -> bool:
        """Whether the equation holds."""
        return self.entered == self.done + self.dead_lettered + self.waiting


@dataclass(frozen=True, slots=True)
class BehaviourBalance:
    """One source's line of what people did: received = stitched + anonymous + rejected + repeated + test +
    dead_lettered + in_flight, each record in one of them."""

    source: str
    received: int
    stitched: int
    anonymous: int
    rejected: int
    repeated: int
    test: int
    dead_lettered: int
    in_flight: int

    @property
    def balanced(self) -> bool:
        """Whether the equation holds."""
        settled = self.stitched + self.anonymous + self.rejected + self.repeated + self.test + self.dead_lettered
        return self.received == settled + self.in_flight


@dataclass(frozen=True, slots=True)
class Findings:
    """What the ledger found. Offenders are coordinates or lead ids, and may be cut short; the counts are not."""

    balances: Sequence[Balance]
    stages: Sequence[StageEquation]
    strangers: int
    doubles: int
    offenders: Mapping[str, Sequence[Mapping[str, Any]]]
    behaviour: Sequence[BehaviourBalance] = ()
    purged: Mapping[str, int] = field(default_factory=dict)
    """Leads that a retention policy purged, by what they were: junk, target."""


def problems(findings: Findings, *, caught_up: bool) -> list[str]:
    """What is wrong at a quiet moment; empty when the books are right.

    While reporting is not caught up nothing can be said, which is itself a problem for a check.
    """
    if not caught_up:
        return ["reporting is not caught up"]
    found = [f"{b.source}: {b.in_flight} received without an outcome" for b in findings.balances if b.in_flight]
    found += [f"{b.source}: the sums differ" for b in findings.balances if not b.balanced]
    found += [f"{b.source}: {b.in_flight} events without an outcome" for b in findings.behaviour if b.in_flight]
    found += [f"{b.source}: the sums of events differ" for b in findings.behaviour if not b.balanced]
    found += [f"{s.stage}: {s.waiting} leads did not arrive" for s in findings.stages if s.waiting]
    found += [f"{s.stage}: the sums differ" for s in findings.stages if not s.balanced]
    if findings.strangers:
        found.append(f"{findings.strangers} outcomes of records that were never received")
    if findings.doubles:
        found.append(f"{findings.doubles} records with more than one final outcome")
    return found
