"""What people ask about segments: how many leads they have, and which."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from shared.handling.work import Work

_COUNT: Final = "SELECT segment, count(*) FROM segment_leads, jsonb_object_keys(members) AS segment GROUP BY segment"
_LIST: Final = """
    SELECT lead_id::text, members ->> $1 AS since FROM segment_leads
    WHERE members ? $1 AND ($2::uuid IS NULL OR lead_id > $2) ORDER BY segment_leads.lead_id LIMIT $3
"""
_RECOUNTS: Final = """
    SELECT run_id::text, reason, started_at, ended_at, looked, moved FROM segment_recounts
    ORDER BY started_at DESC LIMIT 10
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """The segments that a lead is known to be in, each since when."""

    members: dict[str, str]
    first_seen: datetime | None


async def count_members(work: Work) -> dict[str, int]:
    """How many leads each segment has."""
    return {row["segment"]: row["count"] for row in await work.fetch(_COUNT)}


async def list_members(work: Work, segment: str, after: str | None, limit: int) -> list[dict[str, Any]]:
    """Leads of a segment, by id, each since when."""
    return [dict(row) for row in await work.fetch(_LIST, segment, after, limit)]


async def read_members(work: Work, lead_id: str) -> Kept:
    """What is kept of a lead."""
    rows = await work.fetch("SELECT members::text, first_seen FROM segment_leads WHERE lead_id = $1", lead_id)
    return Kept(orjson.loads(rows[0]["members"]), rows[0]["first_seen"]) if rows else Kept({}, None)


async def read_recounts(work: Work) -> list[dict[str, Any]]:
    """The newest recounts, the newest first."""
    return [dict(row) for row in await work.fetch(_RECOUNTS)]
