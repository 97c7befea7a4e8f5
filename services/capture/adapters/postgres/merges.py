"""Joining two leads in Postgres."""

from collections.abc import Mapping
from typing import Final

from services.capture.adapters.postgres.leads import person_of, save_leads
from services.capture.domain.facts import state_to_json
from services.capture.domain.people import Person
from shared.handling.work import Work
from shared.persistence.aliases import save_alias

_LOCK_IDENTITIES: Final = """
    SELECT i.identity_id FROM identities i
    WHERE i.identity_id IN (SELECT identity_id FROM identity_links WHERE lead_id = $1)
    ORDER BY i.kind, i.value FOR UPDATE
"""
_LOCK_LEADS: Final = """
    SELECT lead_id::text, lead_version, created_us, facts FROM leads
    WHERE lead_id = ANY($1::uuid[]) AND merged_into IS NULL ORDER BY lead_id FOR UPDATE
"""
_REMEMBER: Final = """
    INSERT INTO merges (event_id, winner_id, loser_id, lead_version, reason, winner_facts, moved_links, merged_at)
    SELECT $1, $2, $3, $4, $5, $6,
           coalesce((SELECT json_agg(json_build_array(identity_id, event_id)) FROM identity_links WHERE lead_id = $3),
                    '[]'::json), $7
    ON CONFLICT (event_id) DO NOTHING
"""
_MOVE: Final = """
    WITH moved AS (DELETE FROM identity_links WHERE lead_id = $1 RETURNING identity_id, event_id)
    INSERT INTO identity_links (identity_id, lead_id, event_id)
    SELECT identity_id, $2, event_id FROM moved ORDER BY identity_id ON CONFLICT DO NOTHING
"""


class PostgresMergeBook:
    """See ports.MergeBook. Locks identities before leads, as the capture of leads does."""

    async def lock_pair(self, work: Work, winner_id: str, loser_id: str) -> Mapping[str, Person]:
        """See ports.MergeBook."""
        await work.fetch(_LOCK_IDENTITIES, loser_id)
        rows = await work.fetch(_LOCK_LEADS, [winner_id, loser_id])
        return {row["lead_id"]: person_of(row) for row in rows}

    async def join(self, work: Work, event_id: str, winner: Person, loser: Person, before: Person, reason: str) -> None:
        """See ports.MergeBook."""
        facts = state_to_json(before.facts).decode()
        await work.execute(_REMEMBER, event_id, winner.lead_id, loser.lead_id, winner.version, reason, facts, work.now)
        await work.execute(_MOVE, loser.lead_id, winner.lead_id)
        await save_leads(work, [winner])
        await work.execute(
            "UPDATE leads SET lead_version = $2, merged_into = $3, changed_at = $4 WHERE lead_id = $1",
            loser.lead_id,
            winner.version,
            winner.lead_id,
            work.now,
        )
        await save_alias(work, loser.lead_id, winner.lead_id, winner.version)
