"""Leads that providers have announced, in Postgres: noted once, leased to be fetched, settled, withdrawn."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from services.capture.domain.identity import digest_of, external_key
from services.capture.ports import Announced
from shared.handling.work import Work

_KEPT: Final = timedelta(days=100)
_NOTE: Final = """
    INSERT INTO announced_leads (source, provider_id, state, announced_at, due_at, occurred_at, notification)
    VALUES ($1, $2, 'pending', $3, $3, $4, $5) ON CONFLICT DO NOTHING
"""
_WITHDRAW: Final = """
    INSERT INTO announced_leads (source, provider_id, state, announced_at, due_at, notification)
    VALUES ($1, $2, 'withdrawn', $3, $3, '')
    ON CONFLICT (source, provider_id) DO UPDATE SET state = 'withdrawn', notification = '', leased_until = NULL
"""
_LEASE: Final = """
    WITH due AS (
        SELECT source, provider_id FROM announced_leads
        WHERE state = 'pending' AND due_at <= $1 AND (leased_until IS NULL OR leased_until <= $1)
        ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED
    )
    UPDATE announced_leads a SET leased_until = $2 FROM due
    WHERE a.source = due.source AND a.provider_id = due.provider_id
    RETURNING a.source, a.provider_id, a.attempts, a.announced_at, a.occurred_at, a.notification
"""
_SETTLE: Final = """
    UPDATE announced_leads SET state = $3, reason = $4, notification = '', leased_until = NULL
    WHERE source = $1 AND provider_id = $2 AND state = 'pending'
"""
_LATER: Final = """
    UPDATE announced_leads SET attempts = attempts + 1, due_at = $3, reason = $4, leased_until = NULL
    WHERE source = $1 AND provider_id = $2 AND state = 'pending'
"""
_COUNTS: Final = """
    SELECT source, count(*) AS announced, count(*) FILTER (WHERE state = 'pending') AS pending,
           count(*) FILTER (WHERE state = 'done') AS done, count(*) FILTER (WHERE state = 'failed') AS failed,
           count(*) FILTER (WHERE state = 'withdrawn') AS withdrawn
    FROM announced_leads WHERE $1::text IS NULL OR source = $1 GROUP BY source ORDER BY source
"""
_LISTED: Final = """
    SELECT source, provider_id, state, attempts, reason, announced_at, due_at FROM announced_leads
    WHERE ($1::text IS NULL OR source = $1) AND ($2::text IS NULL OR state = $2)
    ORDER BY announced_at DESC, source, provider_id LIMIT $3
"""
_PURGE: Final = "DELETE FROM announced_leads WHERE state <> 'pending' AND announced_at < $1"


class PostgresAnnouncedBook:
    """See ports.AnnouncedBook."""

    async def note(self, work: Work, announced: Announced) -> None:
        """See ports.AnnouncedBook."""
        a = announced
        await work.execute(_NOTE, a.source, a.provider_id, work.now, a.occurred_at, a.notification)

    async def withdraw(self, work: Work, source: str, provider_id: str) -> Sequence[str]:
        """See ports.AnnouncedBook."""
        await work.execute(_WITHDRAW, source, provider_id, work.now)
        digest = digest_of(external_key(source, provider_id))
        rows = await work.fetch(
            "SELECT lead_id::text FROM identities WHERE digest = $1 UNION"
            " SELECT lead_id::text FROM identity_shares WHERE digest = $1 ORDER BY 1",
            digest,
        )
        return [row[0] for row in rows]

    async def lease(self, work: Work, *, until: datetime, most: int) -> Sequence[Announced]:
        """See ports.AnnouncedBook."""
        rows = await work.fetch(_LEASE, work.now, until, most)
        return [
            Announced(
                row["source"],
                row["provider_id"],
                row["notification"],
                row["occurred_at"],
                row["attempts"],
                row["announced_at"],
            )
            for row in rows
        ]

    async def settle(self, work: Work, announced: Announced, state: str, reason: str | None) -> None:
        """See ports.AnnouncedBook."""
        await work.execute(_SETTLE, announced.source, announced.provider_id, state, reason)

    async def postpone(self, work: Work, announced: Announced, due_at: datetime, reason: str) -> None:
        """See ports.AnnouncedBook."""
        await work.execute(_LATER, announced.source, announced.provider_id, due_at, reason)

    async def purge(self, work: Work) -> None:
        """See ports.AnnouncedBook."""
        await work.execute(_PURGE, work.now - _KEPT)


async def announced_counts(work: Work, source: str | None = None) -> list[dict[str, Any]]:
    """What was announced by source, and where each of it is: announced = pending + done + failed + withdrawn."""
    return [dict(row) for row in await work.fetch(_COUNTS, source)]


async def announced_leads(work: Work, *, source: str | None, state: str | None, limit: int) -> list[dict[str, Any]]:
    """Announced leads by their providers' ids, the newest first."""
    return [dict(row) for row in await work.fetch(_LISTED, source, state, limit)]
