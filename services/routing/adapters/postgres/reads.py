"""What the API shows of assignments."""

from datetime import UTC, datetime
from typing import Final

from services.routing.adapters.postgres.leads import COLUMNS, routed_lead
from services.routing.ports import RoutedLead
from shared.handling.work import Work
from shared.persistence import aliases

# Leads that were merged away are shown as their winners only.
_QUEUE_PAGE: Final = f"""
    SELECT {COLUMNS} FROM assignments
    WHERE queue = $1 AND NOT erased AND (assigned_at, assignments.lead_id) > ($2, $3::uuid)
      AND NOT EXISTS (SELECT 1 FROM aliases WHERE loser_id = assignments.lead_id AND winner_id <> loser_id)
    ORDER BY assignments.queue, assignments.assigned_at, assignments.lead_id LIMIT $4
"""
_LEAD: Final = f"SELECT {COLUMNS} FROM assignments WHERE lead_id = $1 AND assignment_version > 0"


# Before everything. A condition that may be absent would get a plan that reads all pages before.
_BEGINNING: Final = (datetime(1, 1, 1, tzinfo=UTC), "00000000-0000-0000-0000-000000000000")


async def queue_page(work: Work, queue: str, after: tuple[datetime, str] | None, limit: int) -> list[RoutedLead]:
    """The leads of a queue behind a place in it, the longest waiting first."""
    rows = await work.fetch(_QUEUE_PAGE, queue, *(after or _BEGINNING), limit)
    return [routed_lead(row) for row in rows]


async def find_lead(work: Work, lead_id: str) -> RoutedLead | None:
    """The routed lead, or the one that it was merged into."""
    survivor = (await aliases.resolve(work, [lead_id])).get(lead_id, lead_id)
    rows = await work.fetch(_LEAD, survivor)
    return routed_lead(rows[0]) if rows else None
