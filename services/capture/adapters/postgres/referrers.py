"""Leads by the addresses of those who referred somebody, in Postgres: one query, nothing is claimed or locked."""

from collections.abc import Collection, Mapping
from typing import Final

from services.capture.domain.identity import IdentityKey, digest_of
from shared.handling.work import Work
from shared.persistence.aliases import MAX_STEPS

# Leads that were merged away are the ones that they are now. An address without its tag is looked up like others, and is a
# hint only: whoever has it says so in their facts, as the text that it is there.
_FIND: Final = f"""
    WITH RECURSIVE asked AS (
        SELECT * FROM unnest($1::uuid[], $2::text[]) AS u (digest, address)
    ), chain (digest, lead_id, step) AS (
        (SELECT digest, lead_id, 0 FROM identities WHERE digest = ANY($1)
         UNION SELECT digest, lead_id, 0 FROM identity_shares WHERE digest = ANY($1))
        UNION ALL
        SELECT c.digest, a.winner_id, c.step + 1 FROM chain c JOIN aliases a ON a.loser_id = c.lead_id
        WHERE a.winner_id <> a.loser_id AND c.step < {MAX_STEPS}
    )
    SELECT c.digest, array_agg(DISTINCT c.lead_id::text) AS lead_ids
    FROM chain c JOIN asked USING (digest) JOIN leads l ON l.lead_id = c.lead_id
    WHERE strpos(l.facts, to_json(asked.address)::text) > 0
      AND NOT EXISTS (SELECT FROM aliases a WHERE a.loser_id = c.lead_id AND a.winner_id <> a.loser_id)
    GROUP BY c.digest
"""


class PostgresReferrerBook:
    """See ports.ReferrerBook."""

    async def find(self, work: Work, keys: Collection[IdentityKey]) -> Mapping[IdentityKey, list[str]]:
        """See ports.ReferrerBook."""
        by_digest = {digest_of(key): key for key in keys}
        rows = await work.fetch(_FIND, list(by_digest), [key.value for key in by_digest.values()])
        return {by_digest[row["digest"].hex]: row["lead_ids"] for row in rows}
