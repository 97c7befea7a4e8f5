"""Behaviour seen otherwise, in Postgres: judged again, or taken back from a lead."""

from collections.abc import Sequence
from typing import Final

from services.capture.adapters.postgres.behaviour_rows import READ, kept_of
from services.capture.behaviour_ports import Kept
from shared.handling.work import Work

_JUDGED: Final = f"""
    {READ} WHERE (received_ms, event_id) > ($1, $3::uuid) AND received_ms < $2 AND context IS NOT NULL
    ORDER BY received_ms, event_id LIMIT $4 FOR UPDATE
"""
# What linked an event to the lead that it is taken back from stays: the correction names the event by it, always.
_CORRECT: Final = """
    UPDATE behaviours AS b
    SET body = u.body, lead_id = u.lead_id, waits_for = u.waits_for, corrected_by = $5,
        settled_by = CASE WHEN u.lead_id IS NOT NULL THEN b.settled_by END
    FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[]) AS u (event_id, body, lead_id, waits_for)
    WHERE b.event_id = u.event_id
"""
_UNLINK: Final = """
    UPDATE visitor_links SET unlinked_at = $4, unlinked_by = $3
    WHERE visitor = $1 AND lead_id = $2 AND unlinked_at IS NULL
"""
_LINKS: Final = (
    "SELECT event_id::text FROM visitor_links WHERE visitor = $1 AND lead_id = $2 AND unlinked_at IS NOT NULL"
)
_CAME_BY: Final = f"""
    {READ} WHERE linked_by = ANY($1::uuid[]) AND lead_id = $2 ORDER BY event_id LIMIT $3 FOR UPDATE
"""


class Corrections:
    """A part of `PostgresBehaviourBook`."""

    async def judged(self, work: Work, since_ms: int, until_ms: int, after: str, limit: int) -> list[Kept]:
        """See ports.BehaviourBook."""
        return [kept_of(row) for row in await work.fetch(_JUDGED, since_ms, until_ms, after, limit)]

    async def correct(self, work: Work, changed: Sequence[Kept], corrected_by: str) -> None:
        """See ports.BehaviourBook."""
        ordered = sorted(changed)
        if ordered:
            columns = zip(*((k.event_id, k.body, k.lead_id, k.waits_for) for k in ordered), strict=True)
            await work.execute(_CORRECT, *map(list, columns), corrected_by)

    async def corrected_by(self, work: Work, event_id: str) -> list[Kept]:
        """See ports.BehaviourBook."""
        return [kept_of(row) for row in await work.fetch(f"{READ} WHERE corrected_by = $1 ORDER BY event_id", event_id)]

    async def unlink(self, work: Work, visitor: str, lead_id: str, unlinked_by: str) -> Sequence[str]:
        """See ports.BehaviourBook."""
        await work.execute(_UNLINK, visitor, lead_id, unlinked_by, work.now)
        return [row["event_id"] for row in await work.fetch(_LINKS, visitor, lead_id)]

    async def came_by(self, work: Work, links: Sequence[str], lead_id: str, limit: int) -> list[Kept]:
        """See ports.BehaviourBook."""
        return [kept_of(row) for row in await work.fetch(_CAME_BY, links, lead_id, limit)]
