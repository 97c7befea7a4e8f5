"""Strangers in Postgres: who of them is known by now, and what is forgotten after its time."""

from datetime import datetime, timedelta
from typing import Final

from services.capture.domain.behaviour.stitching import MAX_PEOPLE
from shared.handling.work import Work

_LATELY: Final = timedelta(minutes=10)
_AT_ONCE: Final = 500
_FIRST: Final = "00000000-0000-0000-0000-000000000000"

# Of a browser that many people share, nothing more becomes anybody's.
_VISITORS: Final = f"""
    SELECT digest FROM parties p
    WHERE is_linked AND waiting > 0 AND (
        SELECT count(DISTINCT l.lead_id) FROM visitor_links l WHERE l.visitor = p.digest AND l.unlinked_at IS NULL
    ) <= {MAX_PEOPLE}
    ORDER BY last_at DESC LIMIT {_AT_ONCE}
"""
_UNSHARED: Final = "NOT EXISTS (SELECT FROM identity_shares s WHERE s.digest = p.digest)"
_PERSONS_LATELY: Final = f"""
    SELECT p.digest FROM (
        SELECT digest FROM parties WHERE is_person AND waiting > 0 AND last_at > $1 ORDER BY last_at DESC LIMIT {_AT_ONCE}
    ) AS p JOIN identities i USING (digest) WHERE {_UNSHARED}
"""
_SLICE: Final = f"""
    SELECT digest::text FROM parties WHERE is_person AND waiting > 0 AND digest > $1::uuid
    ORDER BY digest LIMIT {2 * _AT_ONCE}
"""
_PERSONS: Final = f"""
    SELECT p.digest FROM unnest($1::uuid[]) AS p (digest) JOIN identities i USING (digest) WHERE {_UNSHARED}
"""
_FORGET: Final = """
    WITH gone AS (
        DELETE FROM behaviours WHERE event_id = ANY(ARRAY(
            SELECT event_id FROM behaviours WHERE received_ms < $1 ORDER BY received_ms LIMIT $2 FOR UPDATE SKIP LOCKED
        )) RETURNING waits_for
    ), fewer AS (
        UPDATE parties AS p SET waiting = greatest(0, p.waiting - g.n)
        FROM (SELECT waits_for, count(*) AS n FROM gone WHERE waits_for IS NOT NULL GROUP BY waits_for) AS g
        WHERE p.digest = g.waits_for
    )
    SELECT count(*) FROM gone
"""
_FORGET_LINKS: Final = "DELETE FROM visitor_links WHERE linked_at < $1"
_FORGET_PARTIES: Final = """
    WITH gone AS (
        DELETE FROM parties WHERE digest = ANY(ARRAY(
            SELECT p.digest FROM parties p
            WHERE p.last_at < $1 AND p.waiting = 0
              AND NOT EXISTS (SELECT FROM visitor_links l WHERE l.visitor = p.digest)
            ORDER BY p.last_at LIMIT $2 FOR UPDATE SKIP LOCKED
        )) RETURNING 1
    )
    SELECT count(*) FROM gone
"""


async def known_by_now(work: Work, after: str) -> tuple[set[str], str]:
    """Strangers for whom something waits that a lead is known for; and where the next look goes on."""
    found = {row["digest"].hex for row in await work.fetch(_VISITORS)}
    found |= {row["digest"].hex for row in await work.fetch(_PERSONS_LATELY, work.now - _LATELY)}
    part = [row["digest"] for row in await work.fetch(_SLICE, after or _FIRST)]
    if part:
        found |= {row["digest"].hex for row in await work.fetch(_PERSONS, part)}
    return found, part[-1] if len(part) == 2 * _AT_ONCE else ""


async def forget_behaviour(work: Work, before: datetime, *, limit: int) -> int:
    """Forget events that were received before an instant; how many that were."""
    (row,) = await work.fetch(_FORGET, int(before.timestamp() * 1000), limit)
    return int(row[0])


async def forget_strangers(work: Work, before: datetime, linked_before: datetime, *, limit: int) -> int:
    """Forget links of long ago, and strangers who did nothing since an instant; how many of these there were."""
    await work.execute(_FORGET_LINKS, linked_before)
    (row,) = await work.fetch(_FORGET_PARTIES, before, limit)
    return int(row[0])
