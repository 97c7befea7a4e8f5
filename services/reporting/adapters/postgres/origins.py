"""Sources that no vocabulary knows, and referrals: kept by lead, counted when they are asked for."""

from collections.abc import Sequence
from typing import Any, Final

from services.reporting.domain.origins import newest_origins, origin_said
from services.reporting.domain.rows import Kept
from shared.contracts.topics import CAPTURED
from shared.handling.work import Work

UNMAPPED_COLUMNS: Final = ("source_raw", "leads")
REFERRAL_COLUMNS: Final = ("referrer", "referred", "converted")

_SAVE: Final = """
    INSERT INTO lead_origins AS o (lead_id, lead_version, source_raw, referrer_ref)
    SELECT u.* FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[]) AS u (lead_id, version, source_raw, referrer_ref)
    WHERE NOT EXISTS (SELECT FROM progress g WHERE g.lead_id = u.lead_id AND g.erased)
    ON CONFLICT (lead_id) DO UPDATE
    SET lead_version = excluded.lead_version, source_raw = excluded.source_raw, referrer_ref = excluded.referrer_ref
    WHERE o.lead_version < excluded.lead_version
"""
# A lead that was merged away is counted as the one that it is now, and refers as that one.
_UNMAPPED: Final = """
    SELECT o.source_raw, count(DISTINCT coalesce(a.winner_id, o.lead_id))::bigint AS leads
    FROM lead_origins o LEFT JOIN aliases a ON a.loser_id = o.lead_id AND a.winner_id <> a.loser_id
    WHERE o.source_raw IS NOT NULL GROUP BY o.source_raw ORDER BY leads DESC, o.source_raw
"""
_REFERRALS: Final = """
    SELECT coalesce('lead:' || r.winner_id, o.referrer_ref) AS referrer, count(DISTINCT coalesce(a.winner_id, o.lead_id))::bigint AS referred,
           count(DISTINCT p.lead_id) FILTER (WHERE p.converted_at IS NOT NULL)::bigint AS converted
    FROM lead_origins o LEFT JOIN aliases a ON a.loser_id = o.lead_id AND a.winner_id <> a.loser_id
    LEFT JOIN progress p ON p.lead_id = coalesce(a.winner_id, o.lead_id)
    LEFT JOIN aliases r ON o.referrer_ref = 'lead:' || r.loser_id AND r.winner_id <> r.loser_id
    WHERE o.referrer_ref IS NOT NULL GROUP BY 1 ORDER BY referred DESC, referrer
"""


async def save_origins(work: Work, kept: Sequence[Kept]) -> None:
    """Write what captured leads say; the newest version of a lead stands, whatever comes first."""
    said = [origin_said(each.lead_id, each.value) for each in kept if each.topic == CAPTURED]
    rows = newest_origins(one for one in said if one is not None)
    if rows:
        await work.execute(_SAVE, *map(list, zip(*rows, strict=True)))


async def unmapped_rows(work: Work) -> list[dict[str, Any]]:
    """A row a word that the vocabulary does not know, with its leads."""
    return [dict(row) for row in await work.fetch(_UNMAPPED)]


async def referral_rows(work: Work) -> list[dict[str, Any]]:
    """A row a referrer: whom they referred, and how many of these were converted."""
    return [dict(row) for row in await work.fetch(_REFERRALS)]
