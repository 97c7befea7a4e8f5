"""What a batch changes in the counts: summed up in memory, then one statement a table, rows locked in order."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

from services.reporting.domain.stages import MEMBERS, STAGES, Reached
from shared.handling.work import Work

_FIRST_DAY: Final = date(1970, 1, 1)

_FUNNEL: Final = """
    INSERT INTO funnel_daily AS f (day, source, stage, count)
    SELECT * FROM unnest($1::date[], $2::text[], $3::text[], $4::bigint[])
    ON CONFLICT (day, source, stage) DO UPDATE SET count = f.count + excluded.count
"""

_COHORTS: Final = """
    INSERT INTO cohorts AS c (day, source, stages, count)
    SELECT * FROM unnest($1::date[], $2::text[], $3::int[], $4::bigint[])
    ON CONFLICT (day, source, stages) DO UPDATE SET count = c.count + excluded.count
"""


@dataclass(slots=True)
class Counts:
    """Changes by (day, source, stage), and of cohorts by (day and source of the first capture, set of stages)."""

    funnel: Counter[tuple[date, str, str]] = field(default_factory=Counter)
    cohorts: Counter[tuple[date, str, int]] = field(default_factory=Counter)

    def add_reached(self, reached: Reached) -> None:
        """Leads that reached stages."""
        for (day, source, stages), n in reached.counts.items():
            for stage in MEMBERS[stages]:
                self.funnel[_FIRST_DAY + timedelta(days=day), source, STAGES[stage]] += n

    async def save(self, work: Work) -> None:
        """Add the changes."""
        for statement, changes in ((_FUNNEL, self.funnel), (_COHORTS, self.cohorts)):
            moved = sorted((*key, n) for key, n in changes.items() if n)
            if moved:
                await work.execute(statement, *map(list, zip(*moved, strict=True)))
