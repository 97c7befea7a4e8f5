"""What is kept of a lead's segments, and what a look at it changes there."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from services.scoring.segments.domain.membership import CompiledSegments, Found, Move, moves_of


@dataclass(slots=True)
class Standing:
    """A lead's row. `members`: since when (RFC 3339) it belongs to each segment. `look_at`: when its timer is due."""

    lead_id: str
    members: dict[str, str] = field(default_factory=dict)
    first_seen: datetime | None = None
    look_at: datetime | None = None
    rules_version: int = 0
    stored: bool = False
    changed: bool = False
    retimed: bool = False

    def become(self, found: Found | None, rules: CompiledSegments, now: str) -> list[Move]:
        """Take what was found; None: the lead is gone. What moved."""
        moves = moves_of(
            self.members, found.segments if found is not None else (), rules if found is not None else None
        )
        look_at = found.look_at if found is not None else None
        self.retimed = self.retimed or look_at != self.look_at
        self.changed = self.changed or self.retimed or bool(moves)
        self.members = _moved(self.members, moves, now)
        self.look_at = look_at
        self.rules_version = rules.version
        return moves


class Told(NamedTuple):
    """A move as it was published, so that a redelivery publishes it again."""

    event_id: str
    lead_id: str
    move: Move
    at: str
    rules_version: int


def _moved(members: dict[str, str], moves: Iterable[Move], now: str) -> dict[str, str]:
    kept = dict(members)
    for move in moves:
        if move.entered:
            kept[move.segment] = now
        else:
            kept.pop(move.segment)
    return kept
