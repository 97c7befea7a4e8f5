"""Dead letters, rejects and unreadable records, for listing."""

from datetime import datetime
from typing import Any, Final

import orjson

from services.reporting.adapters.postgres.paging import NEWEST
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work

_COLUMNS: Final = """
    p.parked_id::text AS id, p.kind, p.service, p.reason, p.place, p.source, p.topic, p.topic_id::text, p.partition,
    p."offset", p.event_id::text, p.lead_id::text, p.headers, p.parked_at
"""

_LIST: Final = f"""
    SELECT {_COLUMNS} FROM parked p
    WHERE ($1::text IS NULL OR p.kind = $1) AND ($2::text IS NULL OR p.service = $2)
      AND ($3::text IS NULL OR p.reason = $3) AND ($4::text IS NULL OR p.source = $4)
      AND ($5::timestamptz IS NULL OR p.parked_at >= $5) AND ($6::timestamptz IS NULL OR p.parked_at < $6)
      AND (p.parked_at, p.parked_id) < ($7::timestamptz, $8::uuid)
    ORDER BY p.parked_at DESC, p.parked_id DESC LIMIT $9
"""

_ONE: Final = f"""
    SELECT {_COLUMNS}, v.key, v.value FROM parked p LEFT JOIN parked_values v USING (parked_id) WHERE p.parked_id = $1
"""

# In slices, so that a large clean-up never holds its locks for long.
_FORGET: Final = """
    DELETE FROM parked WHERE parked_id IN (SELECT parked_id FROM parked WHERE parked_at < $1 LIMIT $2)
"""


async def list_parked(
    work: Work,
    *,
    kind: str | None,
    service: str | None,
    reason: str | None,
    source: str | None,
    first: datetime | None,
    last: datetime | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Parked records, newest first, without their values."""
    rows = await work.fetch(_LIST, kind, service, reason, source, first, last, *(after or NEWEST), limit)
    return [_plain(row) for row in rows]


async def read_parked(work: Work, parked_id: str) -> tuple[dict[str, Any], bytes | None, bytes | None] | None:
    """One parked record with its key and value, or None."""
    rows = await work.fetch(_ONE, parked_id)
    if not rows:
        return None
    row = dict(rows[0])
    key, value = row.pop("key"), row.pop("value")
    return _plain(row), key, value


async def forget_parked(work: Work, before: datetime, *, limit: int = 5000) -> int:
    """Delete what was parked before an instant; returns how many, at most `limit`."""
    status = await work.db.execute(_FORGET, before, limit)
    return int(status.rsplit(" ", 1)[1])


def _plain(row: Any) -> dict[str, Any]:
    return {**dict(row), "headers": orjson.loads(row["headers"]), "parked_at": rfc3339(row["parked_at"])}
