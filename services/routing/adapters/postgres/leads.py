"""The table `assignments`: one row a lead, the newest state."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from services.routing.ports import RoutedLead
from shared.handling.work import Work
from shared.persistence.rows import add_rows

COLUMNS: Final = """
    lead_id::text, lead_version, lead::text, score_version, score::text, origin::text, assignment::text,
    assignment_version, owner, queue, assigned_at, erased
"""
_LOCK: Final = f"""
    SELECT {COLUMNS} FROM assignments WHERE lead_id = ANY($1::uuid[]) ORDER BY assignments.lead_id FOR UPDATE
"""
_STORED: Final = (
    "lead_id", "lead_version", "lead", "score_version", "score", "origin", "assignment", "assignment_version", "owner",
    "queue", "assigned_at", "updated_at",
)  # fmt: skip
_UPDATE: Final = """
    UPDATE assignments AS stored
    SET lead_version = given.lead_version, lead = given.lead, score_version = given.score_version, score = given.score,
        origin = given.origin, assignment = given.assignment, assignment_version = given.assignment_version,
        owner = given.owner, queue = given.queue, assigned_at = given.assigned_at, updated_at = given.updated_at
    FROM unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::int[], $9::text[],
                $10::text[], $11::timestamptz[], $12::timestamptz[])
         AS given (lead_id, lead_version, lead, score_version, score, origin, assignment, assignment_version, owner, queue,
                   assigned_at, updated_at)
    WHERE stored.lead_id = given.lead_id
"""
# Walks the partial index from queue to queue: one step a queue, however many leads it holds.
_QUEUES_IN_USE: Final = """
    WITH RECURSIVE held AS (
        SELECT min(queue) AS queue FROM assignments WHERE queue IS NOT NULL
        UNION ALL
        SELECT (SELECT min(a.queue) FROM assignments a WHERE a.queue > held.queue) FROM held WHERE held.queue IS NOT NULL
    )
    SELECT queue FROM held WHERE queue IS NOT NULL ORDER BY queue
"""


class PostgresLeads:
    """Routed leads in Postgres."""

    async def lock(self, work: Work, lead_ids: Iterable[str]) -> dict[str, RoutedLead]:
        """The stored states of these leads, locked in the order of their ids until the transaction ends."""
        wanted = sorted(set(lead_ids))
        rows = await work.fetch(_LOCK, wanted) if wanted else ()
        return {row["lead_id"]: routed_lead(row) for row in rows}

    async def add(self, work: Work, leads: Sequence[RoutedLead]) -> None:
        """Store leads that were not there. Raises ClaimLost (look again) when another worker was quicker."""
        if leads:
            await add_rows(work, "assignments", _STORED, _rows(leads, work))

    async def update(self, work: Work, leads: Sequence[RoutedLead]) -> None:
        """Replace the states of leads that were locked before."""
        if leads:
            await work.execute(_UPDATE, *zip(*_rows(leads, work), strict=True))

    async def queues_in_use(self, work: Work) -> tuple[str, ...]:
        """The queues that hold leads, in order."""
        return tuple(row["queue"] for row in await work.fetch(_QUEUES_IN_USE))


def routed_lead(row: Any) -> RoutedLead:
    """A row of COLUMNS as the use cases see it."""
    lead_id, lead_version, lead, score_version, score, origin, assignment, *held = row.values()
    return RoutedLead(
        lead_id, lead_version, lead.encode(), score_version, score.encode(), origin.encode(), assignment.encode(), *held
    )


def _rows(leads: Sequence[RoutedLead], work: Work) -> list[tuple[Any, ...]]:
    """In the order of _STORED; sorted, against deadlocks between two workers that meet the same leads."""
    return [_row(lead, work) for lead in sorted(leads, key=lambda lead: lead.lead_id)]


def _row(lead: RoutedLead, work: Work) -> tuple[Any, ...]:
    return (
        lead.lead_id,
        lead.lead_version,
        lead.lead.decode(),
        lead.score_version,
        lead.score.decode(),
        lead.origin.decode(),
        lead.assignment.decode(),
        lead.assignment_version,
        lead.owner,
        lead.queue,
        lead.assigned_at,
        work.now,
    )
