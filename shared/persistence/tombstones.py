"""Erased leads, kept by every service for ever: an id and its final version, nothing of the person."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from shared.handling.work import Work

_KEEP: Final = """
    INSERT INTO tombstones AS t (lead_id, lead_version, erased_at)
    SELECT u.*, $3 FROM unnest($1::uuid[], $2::int[]) AS u (lead_id, lead_version) ORDER BY u.lead_id
    ON CONFLICT (lead_id) DO UPDATE SET lead_version = GREATEST(t.lead_version, excluded.lead_version)
"""


async def keep_tombstones(work: Work, versions: Mapping[str, int], erased_at: datetime) -> None:
    """Remember that these leads were erased, with everything at or below these versions. The first time stands."""
    if versions:
        await work.execute(_KEEP, list(versions), list(versions.values()), erased_at)


async def find_tombstones(work: Work, lead_ids: Collection[str]) -> dict[str, int]:
    """The final versions of those of these leads that were erased."""
    rows = await work.fetch(
        "SELECT lead_id::text, lead_version FROM tombstones WHERE lead_id = ANY($1::uuid[])", list(lead_ids)
    )
    return {row["lead_id"]: row["lead_version"] for row in rows}
