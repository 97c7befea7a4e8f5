"""The stored past of leads, page by page, as a preview reads it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from services.reporting.adapters.postgres.paging import NEWEST
from services.reporting.domain.frames import BUNDLE, EVENT, LEADS, MERGED, framed
from shared.handling.work import Work
from shared.persistence.aliases import MAX_STEPS

_LEADS_A_PAGE: Final = 10_000
_BUNDLES_A_PAGE: Final = 16
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_BEFORE_ALL: Final = "00000000-0000-0000-0000-000000000000"
_MICROSECOND: Final = timedelta(microseconds=1)

# The newest leads that stand: neither merged into another nor erased.
_PAGE: Final = """
    SELECT p.lead_id, p.captured_at, p.bundles FROM progress p
    WHERE p.captured_at IS NOT NULL AND NOT p.erased AND (p.captured_at, p.lead_id) < ($1::timestamptz, $2::uuid)
      AND ($3::timestamptz IS NULL OR p.captured_at >= $3)
      AND NOT EXISTS (SELECT 1 FROM aliases a WHERE a.loser_id = p.lead_id AND a.winner_id <> a.loser_id)
    ORDER BY p.captured_at DESC, p.lead_id DESC LIMIT $4
"""
_LEADS: Final = f"""
    WITH page AS ({_PAGE})
    SELECT array_agg(lead_id) AS lead_ids, count(*)::int AS n, min(captured_at) AS last_at,
           (array_agg(lead_id::text ORDER BY captured_at, lead_id))[1] AS last_id,
           (SELECT array_agg(DISTINCT bundle) FROM page, unnest(page.bundles) AS bundle) AS bundles
    FROM page
"""
# Those that were merged into them, also by way of others, with the bundles of these.
_MERGED: Final = f"""
    WITH RECURSIVE chain (survivor, lead_id, step) AS (
        SELECT u.id, u.id, 0 FROM unnest($1::uuid[]) AS u (id)
        UNION ALL
        SELECT c.survivor, a.loser_id, c.step + 1 FROM chain c JOIN aliases a ON a.winner_id = c.lead_id
        WHERE a.loser_id <> a.winner_id AND c.step < {MAX_STEPS}
    )
    SELECT c.survivor, c.lead_id, p.bundles
    FROM (SELECT DISTINCT survivor, lead_id FROM chain WHERE step > 0) AS c LEFT JOIN progress p USING (lead_id)
    ORDER BY c.lead_id, c.survivor
"""
_ROWS: Final = """
    SELECT DISTINCT ON (e.event_id) e.type, e.lead_id::text, e.occurred_at, e.facts, p.personal
    FROM events e LEFT JOIN personal p USING (topic_id, partition, "offset", received_at)
    WHERE e.lead_id = ANY($1::uuid[]) AND e.type = ANY($2::text[]) ORDER BY e.event_id, e.received_at
"""
_TYPES: Final = (
    "lead.captured", "lead.changed", "lead.merged", "lead.unmerged", "lead.scored", "lead.routed",
    "opportunity.converted", "opportunity.changed", "behaviour.corrected",
)  # fmt: skip
_BUNDLES: Final = "SELECT body FROM bundles WHERE bundle_id = ANY($1::bigint[]) ORDER BY bundle_id"
_PUBLISHED: Final = """
    SELECT DISTINCT ON (kind) kind, facts FROM (
        SELECT e.facts, e.facts::jsonb ->> 'kind' AS kind, (e.facts::jsonb ->> 'version')::int AS version
        FROM events e WHERE e.type = 'rules.published'
    ) AS published ORDER BY kind, version DESC
"""


Reading: TypeAlias = Callable[[], AbstractAsyncContextManager[Work]]
"""Opens a transaction that only reads."""


class Span(NamedTuple):
    """Which leads: the newest `limit` of those first captured from `first` until before `end`; None: without a bound."""

    first: datetime | None
    end: datetime | None
    limit: int


async def past_of(reading: Reading, span: Span) -> AsyncIterator[bytes]:
    """Pieces of the past of these leads, leads first. Each page is a short transaction of its own: what reads slowly
    holds nothing open."""
    bundles: set[int] = set()
    async for page in _pages(reading, span):
        bundles.update(page["bundles"] or ())
        yield framed(LEADS, b"".join(lead_id.bytes for lead_id in page["lead_ids"]))
        async with reading() as work:
            merged = await work.fetch(_MERGED, page["lead_ids"])
            rows = await _rows(work, [*page["lead_ids"], *(row["lead_id"] for row in merged)])
        bundles.update(bundle for row in merged for bundle in row["bundles"] or ())
        yield framed(MERGED, b"".join(row["lead_id"].bytes + row["survivor"].bytes for row in merged))
        for row in rows:
            yield row
    ordered = sorted(bundles)
    for start in range(0, len(ordered), _BUNDLES_A_PAGE):
        async with reading() as work:
            found = await work.fetch(_BUNDLES, ordered[start : start + _BUNDLES_A_PAGE])
        for bundle in found:
            yield framed(BUNDLE, bundle["body"])


async def _pages(reading: Reading, span: Span) -> AsyncIterator[Any]:
    after, left = NEWEST if span.end is None else (span.end, _BEFORE_ALL), span.limit
    while left > 0:
        async with reading() as work:
            (page,) = await work.fetch(_LEADS, *after, span.first, min(left, _LEADS_A_PAGE))
        if not page["n"]:
            return
        yield page
        left -= page["n"]
        after = page["last_at"], page["last_id"]


async def _rows(work: Work, lead_ids: list[Any]) -> list[bytes]:
    return [framed(EVENT, _event(row)) for row in await work.fetch(_ROWS, lead_ids, list(_TYPES))]


def _event(row: Any) -> bytes:
    return orjson.dumps(
        {
            "type": row["type"],
            "lead_id": row["lead_id"],
            "at": (row["occurred_at"] - _EPOCH) // _MICROSECOND,
            "facts": orjson.loads(row["facts"]),
            "personal": orjson.loads(row["personal"]) if row["personal"] else {},
        }
    )


async def published_rules(work: Work) -> dict[str, dict[str, Any]]:
    """The newest published document of each kind: what is live, where anything was ever published."""
    found = {}
    for row in await work.fetch(_PUBLISHED):
        facts = orjson.loads(row["facts"])
        found[row["kind"]] = {"text": facts["document"], "version": facts["version"]}
    return found
