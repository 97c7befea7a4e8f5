"""The funnel as tables with stable column names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

STAGES: Final = ("received", "captured", "scored", "marketing_qualified", "routed", "converted")

By = Literal["day", "source", "stage"]


@dataclass(frozen=True, slots=True)
class Count:
    """Leads (for `received`: submissions) of one source that reached a stage on a day (UTC)."""

    day: date
    source: str
    stage: str
    count: int


@dataclass(frozen=True, slots=True)
class Table:
    """A report: column names, and rows in their order."""

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]


def funnel_table(counts: Sequence[Count], by: By) -> Table:
    """The counts summed by day, by source, or over both with one row a stage."""
    if by == "stage":
        totals = _sums(counts, lambda _: "").get("", {})
        return Table(("stage", "count"), [{"stage": stage, "count": totals.get(stage, 0)} for stage in STAGES])
    grouped = _sums(counts, lambda c: c.day.isoformat() if by == "day" else c.source)
    rows = [{by: key, **{stage: sums.get(stage, 0) for stage in STAGES}} for key, sums in sorted(grouped.items())]
    return Table((by, *STAGES), rows)


def _sums(counts: Sequence[Count], key_of: Any) -> dict[str, dict[str, int]]:
    grouped: dict[str, dict[str, int]] = {}
    for count in counts:
        sums = grouped.setdefault(key_of(count), {})
        sums[count.stage] = sums.get(count.stage, 0) + count.count
    return grouped
