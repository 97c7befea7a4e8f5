"""The steps that leads took with materials, and what became of these leads."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from services.reporting.adapters.postgres.leads import events_of_leads
from services.reporting.domain.materials import Everybody, Step, amounts_of, influenced, material_table
from services.reporting.domain.stages import BIT
from shared.handling.work import Work
from shared.persistence.aliases import resolve

# A machine's step counts for nothing.
_STEPS: Final = """
    SELECT material_id, lead_id::text, step, min(at) AS at FROM material_steps
    WHERE human AND ($1::date IS NULL OR at >= $1) AND ($2::date IS NULL OR at < $2 + 1)
    GROUP BY material_id, lead_id, step
"""
_CONVERTED: Final = """
    SELECT lead_id::text, converted_at FROM progress WHERE lead_id = ANY($1::uuid[]) AND converted_at IS NOT NULL
"""
_EVERYBODY: Final = """
    SELECT coalesce(sum(count), 0)::bigint AS leads, coalesce(sum(count) FILTER (WHERE stages & $2 <> 0), 0)::bigint AS n
    FROM cohorts WHERE stages & $1 <> 0
"""
_AT_ONCE: Final = 200


async def material_rows(work: Work, first: date | None, last: date | None) -> list[dict[str, Any]]:
    """A row a material, of steps between two days (UTC, both included)."""
    rows = await work.fetch(_STEPS, first, last)
    survivors = await resolve(work, {row["lead_id"] for row in rows})
    steps = [
        Step(row["material_id"], survivors.get(row["lead_id"], row["lead_id"]), row["step"], row["at"]) for row in rows
    ]
    converted_at = await _converted(work, sorted({step.lead_id for step in steps}))
    amounts = await _amounts(work, sorted(influenced(steps, converted_at)))
    (row,) = await work.fetch(_EVERYBODY, BIT["captured"], BIT["converted"])
    return material_table(steps, converted_at, amounts, Everybody(row["leads"], row["n"]))


async def _converted(work: Work, lead_ids: Sequence[str]) -> dict[str, datetime]:
    return {row["lead_id"]: row["converted_at"] for row in await work.fetch(_CONVERTED, lead_ids)}


async def _amounts(work: Work, lead_ids: Sequence[str]) -> dict[str, dict[str, Decimal]]:
    found: dict[str, dict[str, Decimal]] = {}
    for start in range(0, len(lead_ids), _AT_ONCE):
        events = await events_of_leads(work, lead_ids[start : start + _AT_ONCE])
        found |= {lead_id: amounts_of(of_lead) for lead_id, of_lead in events.items()}
    return found
