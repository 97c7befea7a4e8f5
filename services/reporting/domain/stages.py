"""The stages of a lead, as bits of a set, and when a batch's leads first reached them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

from services.reporting.domain.rows import Kept

STAGES: Final = ("captured", "scored", "marketing_qualified", "routed", "converted")
BIT: Final = {stage: 1 << n for n, stage in enumerate(STAGES)}
MEMBERS: Final = tuple(tuple(n for n in range(len(STAGES)) if stages & 1 << n) for stages in range(1 << len(STAGES)))
"""The places in STAGES of each set's members."""
_UNKNOWN: Final = "unknown"
_DAY_US: Final = 86_400_000_000
_NONE: Final = (None,) * (2 * len(STAGES))

Row = list[Any]
"""`[bundle, set of stages, instant, source, instant, source, …]` of a lead, instants in microseconds since 1970."""


def set_of(stages: Iterable[str]) -> int:
    """A set of stages as a number."""
    return sum(BIT[stage] for stage in stages)


class Reached:
    """What a batch says of its leads: a row each, and `counts` of leads by day since 1970, source and set of stages."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.counts: Counter[tuple[int, str, int]] = Counter()

    def add(self, bundle: int, kept: Kept) -> None:
        """An event: of a lead that reached a stage twice, the earlier time stands, or else the first source."""
        row = self.rows.get(kept.lead_id)
        if row is None:
            row = self.rows[kept.lead_id] = [bundle, 0, *_NONE]
        stages, at, source = kept.stages, kept.at, kept.source or _UNKNOWN
        if row[1] & stages:
            self._add_again(row, kept)
        else:
            for n in MEMBERS[stages]:
                row[2 + 2 * n], row[3 + 2 * n] = at, source
            self.counts[at // _DAY_US, source, stages] += 1
        row[1] |= stages

    def _add_again(self, row: Row, kept: Kept) -> None:
        found = kept.at, kept.source or _UNKNOWN
        for n in MEMBERS[kept.stages]:
            held = of(row, n)
            if held[0] is None or found < held:
                if held[0] is not None:
                    self.count(held, n, -1)
                row[2 + 2 * n], row[3 + 2 * n] = found
                self.count(found, n, 1)

    def count(self, reached: tuple[int, str], n: int, change: int) -> None:
        """Change the count of leads that reached the n-th stage then."""
        at, source = reached
        self.counts[at // _DAY_US, source, 1 << n] += change


def of(row: Row, n: int) -> tuple[int, str]:
    """When, and with which source, the n-th stage was reached."""
    return row[2 + 2 * n], row[3 + 2 * n]
