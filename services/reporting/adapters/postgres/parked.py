"""Dead letters, rejects and unreadable records: listed, counted, read whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from services.reporting.adapters.postgres.paging import NEWEST
from services.reporting.handlers.replays import HeldLetter
from shared.contracts.envelope import rfc3339
from shared.handling.work import Work

# A record that was applied in the end counts as replayed with all of its letters; one that failed again waits as the
# newest of them. What was refused stays refused until a replay came to something else; what could not be read has no
# state before it was replayed.
STATE: Final = """
    CASE WHEN EXISTS (SELECT 1 FROM replays r
                      WHERE r.first_id = COALESCE(p.replay_of, p.parked_id) AND r.status = 'done'
                        AND (p.kind <> 'rejected' OR r.outcome <> 'rejected')) THEN 'replayed'
         WHEN EXISTS (SELECT 1 FROM parked q WHERE q.replay_of = COALESCE(p.replay_of, p.parked_id)
                                               AND q.parked_at > p.parked_at) THEN 'failed_again'
         WHEN p.kind = 'dead_letter' THEN 'waiting'
         WHEN p.kind = 'rejected' THEN 'refused' END
"""

_COLUMNS: Final = f"""
    p.parked_id::text AS id, p.kind, p.service, p.reason, p.place, p.source, p.topic, p.topic_id::text, p.partition,
    p."offset", p.event_id::text, p.lead_id::text, p.headers, p.parked_at, p.row_number AS row,
    p.replay_of::text, p.attempt, {STATE} AS state
"""

_FILTER: Final = """
    ($1::text IS NULL OR p.kind = $1) AND ($2::text IS NULL OR p.service = $2)
    AND ($3::text IS NULL OR p.reason = $3) AND ($4::text IS NULL OR p.source = $4)
    AND ($5::timestamptz IS NULL OR p.parked_at >= $5) AND ($6::timestamptz IS NULL OR p.parked_at < $6)
"""

_LIST: Final = f"""
    SELECT x.* FROM (
        SELECT p.parked_id, {_COLUMNS} FROM parked p
        WHERE {_FILTER} AND (p.parked_at, p.parked_id) < ($8::timestamptz, $9::uuid)
    ) x
    WHERE $7::text IS NULL OR x.state = $7
    ORDER BY x.parked_at DESC, x.parked_id DESC LIMIT $10
"""

_COUNTS: Final = f"""
    SELECT kind, service, reason, state, count(*) AS count
    FROM (SELECT p.kind, p.service, p.reason, {STATE} AS state FROM parked p WHERE {_FILTER}) x
    WHERE $7::text IS NULL OR state = $7
    GROUP BY kind, service, reason, state ORDER BY kind, service, reason, state
"""

_WHOLE: Final = f"""
    SELECT {_COLUMNS}, v.key, v.value, v.headers AS all_headers
    FROM parked p LEFT JOIN parked_values v USING (parked_id) WHERE p.parked_id = ANY($1::uuid[])
"""

# In slices, so that a large clean-up never holds its locks for long.
_FORGET: Final = """
    DELETE FROM parked WHERE parked_id IN (SELECT parked_id FROM parked WHERE parked_at < $1 LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which parked records; None leaves open. `first` is included, `last` is not."""

    kind: str | None = None
    service: str | None = None
    reason: str | None = None
    source: str | None = None
    first: datetime | None = None
    last: datetime | None = None
    state: str | None = None

    def arguments(self) -> tuple[Any, ...]:
        """As the statements number them."""
        return self.kind, self.service, self.reason, self.source, self.first, self.last, self.state


async def list_parked(
    work: Work, filters: Filters, *, after: tuple[datetime, str] | None, limit: int
) -> list[dict[str, Any]]:
    """Parked records, newest first, without their values."""
    rows = await work.fetch(_LIST, *filters.arguments(), *(after or NEWEST), limit)
    return [_plain(row) for row in rows]


async def count_parked(work: Work, filters: Filters) -> list[dict[str, Any]]:
    """How many there are, by kind, service, reason and state."""
    return [dict(row) for row in await work.fetch(_COUNTS, *filters.arguments())]


async def read_letters(work: Work, parked_ids: Sequence[str]) -> dict[str, HeldLetter]:
    """Parked records by id, with all that is kept of them."""
    found = {}
    for row in await work.fetch(_WHOLE, parked_ids):
        known = dict(row)
        key, value, all_headers = known.pop("key"), known.pop("value"), known.pop("all_headers")
        found[known["id"]] = HeldLetter(_plain(known), known["parked_at"], key, value, all_headers)
    return found


async def forget_parked(work: Work, before: datetime, *, limit: int = 5000) -> int:
    """Delete what was parked before an instant; returns how many, at most `limit`."""
    status = await work.db.execute(_FORGET, before, limit)
    return int(status.rsplit(" ", 1)[1])


def _plain(row: Any) -> dict[str, Any]:
    known = {name: value for name, value in row.items() if name != "parked_id"}
    return {**known, "headers": orjson.loads(row["headers"]), "parked_at": rfc3339(row["parked_at"])}
