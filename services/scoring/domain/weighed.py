"""What weighing a lead results in: its score, and what of it holds whatever the lead does."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Score = dict[str, Any]
Contribution = dict[str, Any]


class Weighed(NamedTuple):
    """A score without its time. `json` is the score as JSON up to the quote that the time begins with; `summary` says it
    in short: points by rule. `turns_ms`: when its grade, level, temperature or readiness changes if nothing happens, if ever."""

    score: Score
    json: bytes
    summary: Mapping[str, Any]
    turns_ms: int | None = None

    def json_at(self, instant: str) -> bytes:
        """The whole score as JSON, as of an instant that is written as the contracts write it."""
        return b'%b%b"}' % (self.json, instant.encode())


class Known(NamedTuple):
    """What rules make of what is known of a lead, whatever it does: sums before their limits, contributions, criteria of
    readiness that are not met, and its score if it does nothing."""

    sums: tuple[int, ...]
    contributions: list[Contribution]
    unmet: tuple[str, ...]
    weighed: Weighed
