"""The nightly look at leads in Postgres: its runs, page by page, and when each lead is looked at next."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from services.capture.hygiene_ports import CheckRun, DuePage
from shared.handling.work import Work

# Keys that are read for a page at most: a night in which little is due reads no more of the table at once than that.
_SPAN: Final = 5000
_START: Final = """
    INSERT INTO hygiene_runs (run_id, asked_by, started_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING run_id
"""
_LEASE: Final = """
    WITH open AS (
        SELECT run_id FROM hygiene_runs WHERE ended_at IS NULL AND (leased_until IS NULL OR leased_until <= $1)
        FOR UPDATE SKIP LOCKED
    )
    UPDATE hygiene_runs r SET leased_until = $2 FROM open
    WHERE r.run_id = open.run_id RETURNING r.run_id::text, r.after_id::text
"""
_PAGE: Final = """
    WITH span AS (
        SELECT lead_id, merged_into FROM leads WHERE $1::uuid IS NULL OR lead_id > $1 ORDER BY lead_id LIMIT $2
    ), due AS (
        SELECT s.lead_id FROM span s LEFT JOIN lead_checks c USING (lead_id)
        WHERE s.merged_into IS NULL AND (c.due_at IS NULL OR c.due_at <= $3) ORDER BY s.lead_id LIMIT $4
    )
    SELECT (SELECT array_agg(lead_id::text ORDER BY lead_id) FROM due) AS due,
           (SELECT max(lead_id::text) FROM span) AS last, (SELECT count(*) FROM span) AS n
"""
_LOCK: Final = "SELECT after_id::text, ended_at FROM hygiene_runs WHERE run_id = $1 FOR UPDATE"
_ADVANCE: Final = """
    UPDATE hygiene_runs SET after_id = $2, checked = checked + $3, changed = changed + $4, leased_until = NULL,
        ended_at = CASE WHEN $5 THEN $6::timestamptz END
    WHERE run_id = $1
"""
_POSTPONE: Final = """
    INSERT INTO lead_checks (lead_id, due_at) SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS u (lead_id, due_at)
    ORDER BY lead_id ON CONFLICT (lead_id) DO UPDATE SET due_at = excluded.due_at
"""
_RUNS: Final = """
    SELECT run_id::text, asked_by, started_at, ended_at, checked, changed FROM hygiene_runs
    ORDER BY started_at DESC, hygiene_runs.run_id LIMIT $1
"""


class PostgresCheckBook:
    """See hygiene_ports.CheckBook."""

    async def start(self, work: Work, run_id: str, asked_by: str) -> bool:
        """See hygiene_ports.CheckBook."""
        return bool(await work.fetch(_START, run_id, asked_by, work.now))

    async def lease(self, work: Work, until: datetime) -> CheckRun | None:
        """See hygiene_ports.CheckBook."""
        rows = await work.fetch(_LEASE, work.now, until)
        return CheckRun(rows[0]["run_id"], rows[0]["after_id"]) if rows else None

    async def due(self, work: Work, after: str | None, limit: int) -> DuePage:
        """See hygiene_ports.CheckBook."""
        (row,) = await work.fetch(_PAGE, after, _SPAN, work.now, limit)
        due = row["due"] or []
        is_full = len(due) == limit
        return DuePage(due, due[-1] if is_full else row["last"], is_last=not is_full and row["n"] < _SPAN)

    async def goes_on_from(self, work: Work, run_id: str, after: str | None) -> bool:
        """See hygiene_ports.CheckBook."""
        rows = await work.fetch(_LOCK, run_id)
        return bool(rows) and rows[0]["ended_at"] is None and rows[0]["after_id"] == after

    async def advance(
        self, work: Work, run_id: str, last: str | None, *, checked: int, changed: int, ends: bool
    ) -> None:
        """See hygiene_ports.CheckBook."""
        await work.execute(_ADVANCE, run_id, last, checked, changed, ends, work.now)

    async def postpone(self, work: Work, due_at: Mapping[str, datetime]) -> None:
        """See hygiene_ports.CheckBook."""
        await work.execute(_POSTPONE, list(due_at), list(due_at.values()))


async def hygiene_runs(work: Work, limit: int) -> Sequence[dict[str, Any]]:
    """The newest runs, the last first."""
    return [dict(row) for row in await work.fetch(_RUNS, limit)]
