"""Pairs found against pairs that are: precision, recall, and what was left for people."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, slots=True)
class Figures:
    """Of pairs of rows. `wrong` holds some pairs that were joined and are two; `missed` some that were not and are one."""

    rows: int
    leads: int
    people: int
    joined: int
    rightly: int
    pairs: int
    wrong: Sequence[tuple[int, int]]
    missed: Sequence[tuple[int, int]]

    @property
    def precision(self) -> float:
        """Of the pairs that were joined, those that are one person."""
        return self.rightly / self.joined if self.joined else 1.0

    @property
    def recall(self) -> float:
        """Of the pairs that are one person, those that were joined."""
        return self.rightly / self.pairs if self.pairs else 1.0


def compare_partitions(labels: Mapping[int, str], leads: Mapping[int, str], *, shown: int = 10) -> Figures:
    """Rows by what the label says against rows by the lead that they became; rows without a lead are left out."""
    both = {row: (labels[row], lead_id) for row, lead_id in leads.items()}
    agreed = _pairs(Counter(both.values()).values())
    return Figures(
        rows=len(both),
        leads=len(set(leads.values())),
        people=len({label for label, _ in both.values()}),
        joined=_pairs(Counter(leads.values()).values()),
        rightly=agreed,
        pairs=_pairs(Counter(label for label, _ in both.values()).values()),
        wrong=_differing(both, by=1, shown=shown),
        missed=_differing(both, by=0, shown=shown),
    )


def _pairs(sizes: Iterable[int]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes)


def _differing(both: Mapping[int, tuple[str, str]], *, by: int, shown: int) -> list[tuple[int, int]]:
    """Pairs of rows that are one by one side and two by the other."""
    groups: dict[str, list[int]] = defaultdict(list)
    for row, sides in both.items():
        groups[sides[by]].append(row)
    found: list[tuple[int, int]] = []
    for rows in groups.values():
        pairs = combinations(rows, 2)
        found += [(a, b) for a, b in pairs if both[a][1 - by] != both[b][1 - by]][: shown - len(found)]
        if len(found) >= shown:
            break
    return found
