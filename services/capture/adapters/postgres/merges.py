"""Joining two leads in Postgres."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from services.capture.adapters.postgres.leads import person_of, save_leads
from services.capture.domain.erasing import blanked
from services.capture.domain.fact_shape import LeadFacts
from services.capture.domain.facts import state_from_json, state_to_json
from services.capture.domain.identity import digest_of, keys_of_facts
from services.capture.domain.people import Person
from shared.handling.work import Work
from shared.persistence.aliases import save_alias

_LOCK_IDENTITIES: Final = "SELECT 1 FROM identities WHERE digest = ANY($1::uuid[]) ORDER BY digest FOR UPDATE"
_LOCK_LEADS: Final = """
    SELECT lead_id::text, lead_version, created_us, facts FROM leads
    WHERE lead_id = ANY($1::uuid[]) AND merged_into IS NULL ORDER BY lead_id FOR UPDATE
"""
_REMEMBER: Final = """
    INSERT INTO merges (event_id, winner_id, loser_id, lead_version, reason, winner_facts, moved_links, merged_at)
    SELECT $1, $2, $3, $4, $5, $6, coalesce(json_agg(json_build_array(l.digest, l.event_id)), '[]'::json), $7
    FROM (SELECT digest, event_id FROM identities WHERE digest = ANY($8::uuid[]) AND lead_id = $3
          UNION ALL SELECT digest, event_id FROM identity_shares WHERE digest = ANY($8::uuid[]) AND lead_id = $3) AS l
    ON CONFLICT (event_id) DO NOTHING
"""
# A lead has an identity once: in its row, or in one of its shares.
_MOVE: Final = (
    "UPDATE identities SET lead_id = $1 WHERE digest = ANY($3::uuid[]) AND lead_id = $2",
    """
    WITH moved AS (
        DELETE FROM identity_shares WHERE digest = ANY($3::uuid[]) AND lead_id IN ($1, $2) RETURNING digest, event_id
    )
    INSERT INTO identity_shares (digest, lead_id, event_id)
    SELECT DISTINCT ON (m.digest) m.digest, $1::uuid, m.event_id
    FROM moved m JOIN identities i USING (digest) WHERE i.lead_id <> $1
    """,
)

_OF_LEADS: Final = """
    SELECT event_id, winner_id::text, loser_id::text, reason, winner_facts, merged_at FROM merges
    WHERE winner_id = ANY($1::uuid[]) OR loser_id = ANY($1::uuid[]) ORDER BY event_id
"""
_BLANK: Final = """
    UPDATE merges m SET winner_facts = u.facts, moved_links = '[]', reason = ''
    FROM unnest($1::uuid[], $2::text[]) AS u (event_id, facts) WHERE m.event_id = u.event_id
"""


class PostgresMergeBook:
    """See ports.MergeBook. Locks identities before leads, as the capture of leads does."""

    async def lock_pair(self, work: Work, winner_id: str, loser_id: str) -> Mapping[str, Person]:
        """See ports.MergeBook."""
        rows = await work.fetch("SELECT facts FROM leads WHERE lead_id = $1", loser_id)
        await work.fetch(_LOCK_IDENTITIES, _digests(state_from_json(row["facts"]) for row in rows))
        rows = await work.fetch(_LOCK_LEADS, [winner_id, loser_id])
        return {row["lead_id"]: person_of(row) for row in rows}

    async def join(self, work: Work, event_id: str, winner: Person, loser: Person, before: Person, reason: str) -> None:
        """See ports.MergeBook."""
        pair = (winner.lead_id, loser.lead_id)
        digests = _digests([loser.facts])
        await work.execute(_REMEMBER, event_id, *pair, winner.version, reason, before.stored(), work.now, digests)
        for statement in _MOVE:
            await work.execute(statement, *pair, digests)
        await save_leads(work, [winner])
        await work.execute(
            "UPDATE leads SET lead_version = $2, merged_into = $3, changed_at = $4 WHERE lead_id = $1",
            loser.lead_id,
            winner.version,
            winner.lead_id,
            work.now,
        )
        await save_alias(work, loser.lead_id, winner.lead_id, winner.version)


def _digests(states: Iterable[LeadFacts]) -> list[str]:
    """What the identities that facts hold are stored under."""
    return sorted({digest_of(key) for state in states for layer in state.layers for key in keys_of_facts(layer.facts)})


class MergeTables:
    """See shared.persistence.erasing.PersonalTables: what is kept to take a merge back, which nobody will."""

    tables: Final = ("merges",)

    async def erase(self, work: Work, lead_ids: Sequence[str]) -> None:
        """See PersonalTables."""
        rows = await work.fetch(_OF_LEADS, lead_ids)
        blank = [state_to_json(blanked(state_from_json(row["winner_facts"]))).decode() for row in rows]
        await work.execute(_BLANK, [row["event_id"] for row in rows], blank)

    async def export(self, work: Work, lead_ids: Sequence[str]) -> Mapping[str, Any]:
        """See PersonalTables."""
        told = ("winner_id", "loser_id", "reason", "merged_at")
        return {"merges": [{name: row[name] for name in told} for row in await work.fetch(_OF_LEADS, lead_ids)]}
