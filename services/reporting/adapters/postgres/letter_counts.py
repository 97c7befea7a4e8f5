"""Dead letters counted for the ledger and the report: what became of them, and how many records were replayed."""

from datetime import date
from typing import Any, Final

from services.reporting.adapters.postgres.parked import STATE
from shared.contracts.topics import INBOUND, INBOUND_BULK
from shared.handling.work import Work

STATES: Final = ("waiting", "replayed", "failed_again")
BY: Final = {
    "service": "p.service",
    "reason": "p.reason",
    "source": "coalesce(p.source, 'unknown')",
    "day": "(p.parked_at AT TIME ZONE 'utc')::date::text",
}

# Of a record that failed more than once the first letter counts, under the source that the ledger knows it by.
_REPLAYED: Final = """
    SELECT p.source, count(DISTINCT (p.topic_id, p.partition, p."offset")) AS replayed
    FROM replays r JOIN parked p ON p.parked_id = r.first_id
    WHERE r.status = 'done' AND p.service = 'capture' AND p.topic = ANY($1::text[]) AND p.replay_of IS NULL
      AND (p.kind = 'dead_letter' OR (p.kind = 'rejected' AND r.outcome <> 'rejected'))
    GROUP BY p.source
"""

_TABLE: Final = """
    SELECT x.by, {counts} FROM (
        SELECT {by} AS by, {state} AS state FROM parked p
        WHERE p.kind = 'dead_letter' AND ($1::date IS NULL OR p.parked_at >= $1::timestamp AT TIME ZONE 'utc')
          AND ($2::date IS NULL OR p.parked_at < ($2::date + 1)::timestamp AT TIME ZONE 'utc')
    ) x GROUP BY x.by ORDER BY x.by
"""


async def replayed_by_source(work: Work) -> dict[str, int]:
    """Submissions that were dead-lettered or refused and then applied, of those whose letters are still kept."""
    rows = await work.fetch(_REPLAYED, [INBOUND, INBOUND_BULK])
    return {row["source"]: row["replayed"] for row in rows}


async def letter_table(work: Work, by: str, first: date | None, last: date | None) -> list[dict[str, Any]]:
    """Dead letters of some days by one of BY and by state."""
    counts = ", ".join(f"count(*) FILTER (WHERE x.state = '{state}') AS {state}" for state in STATES)
    rows = await work.fetch(_TABLE.format(by=BY[by], state=STATE, counts=counts), first, last)
    return [{by: row["by"], **{state: row[state] for state in STATES}} for row in rows]
