"""The leads table."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from asyncpg import UniqueViolationError

from services.conversion.domain.leads import LeadState
from shared.handling.work import Work
from shared.persistence.decisions import ClaimLost

_COLUMNS: Final = ("lead_id", "lead_version", "score_version", "assignment_version", "opportunity_id", "routed")
_LOCK: Final = """
    SELECT lead_id::text, lead_version, score_version, assignment_version, opportunity_id::text, routed, erased
    FROM leads WHERE lead_id = ANY($1::uuid[]) ORDER BY leads.lead_id FOR UPDATE
"""
_UPDATE: Final = """
    UPDATE leads SET lead_version = u.lead_version, score_version = u.score_version,
                     assignment_version = u.assignment_version, opportunity_id = u.opportunity_id, routed = u.routed
    FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::uuid[], $6::bytea[])
         AS u (lead_id, lead_version, score_version, assignment_version, opportunity_id, routed)
    WHERE leads.lead_id = u.lead_id
"""


class PostgresLeads:
    """Leads as routed, part by part."""

    async def add(self, work: Work, states: Mapping[str, LeadState]) -> dict[str, LeadState]:
        """Store leads that were never heard of; the others are locked, left as they are, and given back. Raises ClaimLost
        where another transaction stored one meanwhile."""
        known = await self.lock(work, states)
        new = [_row(states[lead_id]) for lead_id in sorted(states.keys() - known.keys())]
        try:
            await work.db.copy_records_to_table("leads", records=new, columns=_COLUMNS)
        except UniqueViolationError as error:
            raise ClaimLost from error
        return known

    async def lock(self, work: Work, lead_ids: Iterable[str]) -> dict[str, LeadState]:
        """Leads, locked in id order."""
        rows = await work.fetch(_LOCK, list(lead_ids))
        return {row["lead_id"]: _state(row) for row in rows}

    async def update(self, work: Work, states: Sequence[LeadState]) -> None:
        """Store leads that the caller has locked."""
        if states:
            await work.execute(_UPDATE, *zip(*map(_row, states), strict=True))


def _row(state: LeadState) -> tuple[Any, ...]:
    return (
        state.lead_id,
        state.lead_version,
        state.score_version,
        state.assignment_version,
        state.opportunity_id,
        state.routed if state.opportunity_id is None else None,
    )


def _state(row: Any) -> LeadState:
    lead_id, lead_version, score_version, assignment_version, opportunity_id, routed, erased = row
    return LeadState(lead_id, lead_version, score_version, assignment_version, routed, opportunity_id, erased)
