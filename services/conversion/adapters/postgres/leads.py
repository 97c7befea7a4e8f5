"""The leads table."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from services.conversion.domain.parties import LeadState
from shared.handling.work import Work

# DO UPDATE locks every row that it meets, also those that its WHERE leaves alone.
_SAVE: Final = """
    INSERT INTO leads AS l (lead_id, lead_version, lead, score_version, score, assignment_version, assignment, origin,
                            updated_at)
    SELECT u.*, $9 FROM unnest($1::uuid[], $2::int[], $3::text[], $4::int[], $5::text[], $6::int[], $7::text[],
                               $8::text[]) AS u
    ON CONFLICT (lead_id) DO UPDATE SET
        lead = CASE WHEN excluded.lead_version > l.lead_version THEN excluded.lead ELSE l.lead END,
        origin = CASE WHEN excluded.lead_version > l.lead_version THEN coalesce(excluded.origin, l.origin)
                      ELSE coalesce(l.origin, excluded.origin) END,
        lead_version = GREATEST(excluded.lead_version, l.lead_version),
        score = CASE WHEN excluded.score_version > l.score_version THEN excluded.score ELSE l.score END,
        score_version = GREATEST(excluded.score_version, l.score_version),
        assignment = CASE WHEN excluded.assignment_version > l.assignment_version THEN excluded.assignment
                          ELSE l.assignment END,
        assignment_version = GREATEST(excluded.assignment_version, l.assignment_version),
        updated_at = excluded.updated_at
    WHERE excluded.lead_version > l.lead_version OR excluded.score_version > l.score_version
       OR excluded.assignment_version > l.assignment_version
    RETURNING lead_id::text, lead_version, score_version, assignment_version, conversion_id::text
"""
_COLUMNS: Final = """
    lead_id::text, lead_version, lead, score_version, score, assignment_version, assignment, origin,
    conversion_id::text
"""
_LOCK: Final = f"SELECT {_COLUMNS} FROM leads WHERE lead_id = ANY($1::uuid[]) ORDER BY leads.lead_id FOR UPDATE"
_NOTE: Final = """
    UPDATE leads SET conversion_id = u.conversion_id FROM unnest($1::uuid[], $2::uuid[]) AS u (lead_id, conversion_id)
    WHERE leads.lead_id = u.lead_id
"""


class PostgresLeads:
    """Leads as routed, part by part."""

    async def save_newest(self, work: Work, states: Mapping[str, LeadState]) -> dict[str, LeadState]:
        """Take each part that is newer; a lead whose stored parts are not all ours is read back."""
        ordered = [states[lead_id] for lead_id in sorted(states)]
        if not ordered:
            return {}
        rows = await work.fetch(
            _SAVE,
            [s.lead_id for s in ordered],
            [s.lead_version for s in ordered],
            [s.lead_text for s in ordered],
            [s.score_version for s in ordered],
            [_text(s.score) for s in ordered],
            [s.assignment_version for s in ordered],
            [_text(s.assignment) for s in ordered],
            [_text(s.origin) for s in ordered],
            work.now,
        )
        newer: dict[str, LeadState] = {}
        mixed: list[str] = []
        for lead_id, *versions, conversion_id in rows:
            ours = states[lead_id]
            ours.conversion_id = conversion_id
            newer[lead_id] = ours
            if versions != [ours.lead_version, ours.score_version, ours.assignment_version]:
                mixed.append(lead_id)
        if mixed:
            newer.update(await self.lock(work, mixed))
        return newer

    async def lock(self, work: Work, lead_ids: Iterable[str]) -> dict[str, LeadState]:
        """Leads, locked in id order."""
        rows = await work.fetch(_LOCK, list(lead_ids))
        return {row["lead_id"]: _state(row) for row in rows}

    async def note_conversions(self, work: Work, conversion_of: Mapping[str, str]) -> None:
        """Note which conversion each lead has."""
        if conversion_of:
            await work.execute(_NOTE, list(conversion_of), list(conversion_of.values()))


def _state(row: Any) -> LeadState:
    return LeadState(
        row["lead_id"],
        row["lead_version"],
        orjson.loads(row["lead"]),
        row["lead"],
        row["score_version"],
        _loads(row["score"]),
        row["assignment_version"],
        _loads(row["assignment"]),
        _loads(row["origin"]),
        row["conversion_id"],
    )


def _text(part: dict[str, Any] | None) -> str | None:
    return None if part is None else orjson.dumps(part).decode()


def _loads(text: str | None) -> Any:
    return None if text is None else orjson.loads(text)
