"""Leads as their events tell: one lead with all its aliases, its timeline, and pages of the newest."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from services.reporting.adapters.postgres.paging import NEWEST
from services.reporting.domain.bundles import read, unpack
from services.reporting.domain.leads import StoredEvent, in_order
from shared.handling.work import Work
from shared.persistence.aliases import MAX_STEPS, resolve

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_ALIASES: Final = f"""
    WITH RECURSIVE chain (winner_id, lead_id, step) AS (
        SELECT u.id, u.id, 0 FROM unnest($1::uuid[]) AS u (id)
        UNION ALL
        SELECT c.winner_id, a.loser_id, c.step + 1 FROM chain c JOIN aliases a ON a.winner_id = c.lead_id
        WHERE a.loser_id <> a.winner_id AND c.step < {MAX_STEPS}
    )
    SELECT DISTINCT winner_id::text, lead_id::text FROM chain
"""

_EVENTS: Final = """
    SELECT DISTINCT ON (e.event_id) e.lead_id::text, e.event_id::text, e.type, e.occurred_at, e.source, e.facts,
           p.personal, e.topic, e.partition, e."offset"
    FROM events e
    LEFT JOIN personal p USING (topic_id, partition, "offset", received_at)
    WHERE e.lead_id = ANY($1::uuid[]) ORDER BY e.event_id, e.received_at
"""

_BUNDLES: Final = """
    SELECT body FROM bundles WHERE bundle_id IN (SELECT unnest(bundles) FROM progress WHERE lead_id = ANY($1::uuid[]))
    ORDER BY bundle_id
"""

_DEAD_LETTERS: Final = """
    SELECT lead_id::text, parked_id::text AS event_id, service, reason, place, parked_at FROM parked
    WHERE kind = 'dead_letter' AND lead_id = ANY($1::uuid[]) ORDER BY parked_at, parked_id
"""

_PAGE: Final = """
    SELECT p.lead_id::text, p.captured_at FROM progress p
    WHERE p.captured_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM aliases a WHERE a.loser_id = p.lead_id AND a.winner_id <> a.loser_id)
      AND (p.captured_at, p.lead_id) < ($1::timestamptz, $2::uuid)
    ORDER BY p.captured_at DESC, p.lead_id DESC LIMIT $3
"""


async def surviving(work: Work, lead_id: str) -> str:
    """The id that a lead goes by now."""
    return (await resolve(work, [lead_id])).get(lead_id, lead_id)


async def page_of_leads(work: Work, after: tuple[datetime, str] | None, limit: int) -> list[tuple[str, datetime]]:
    """Ids and first times of the newest leads, those merged away left out, after a place in that order."""
    rows = await work.fetch(_PAGE, *(after or NEWEST), limit)
    return [(row["lead_id"], row["captured_at"]) for row in rows]


async def events_of_leads(work: Work, lead_ids: Sequence[str]) -> dict[str, list[StoredEvent]]:
    """The events of each lead and of those merged into it, in the order in which they happened."""
    winner_of = {row["lead_id"]: row["winner_id"] for row in await work.fetch(_ALIASES, list(lead_ids))}
    everyone = list(winner_of)
    found: dict[str, list[StoredEvent]] = {lead_id: [] for lead_id in lead_ids}
    for event in [*await _bundled(work, everyone), *map(_event, await work.fetch(_EVENTS, everyone))]:
        found[winner_of[event.lead_id]].append(event)
    for row in await work.fetch(_DEAD_LETTERS, everyone):
        found[winner_of[row["lead_id"]]].append(_dead_letter(row))
    return {lead_id: in_order(events) for lead_id, events in found.items()}


async def _bundled(work: Work, lead_ids: Sequence[str]) -> list[StoredEvent]:
    """Events out of their bundles, each once: one that was published again counts as it came first."""
    wanted, found = frozenset(lead_ids), dict[str, StoredEvent]()
    for row in await work.fetch(_BUNDLES, lead_ids):
        for entry in unpack(row["body"], wanted):
            if entry.event_id not in found:
                found[entry.event_id] = read(entry, _sortable_us)
    return list(found.values())


def _sortable_us(microseconds: int) -> str:
    return _sortable(_EPOCH + timedelta(microseconds=microseconds))


def _sortable(at: datetime) -> str:
    """An instant with all its microseconds, so that texts sort as instants do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _event(row: Any) -> StoredEvent:
    return StoredEvent(
        event_id=row["event_id"],
        type=row["type"],
        lead_id=row["lead_id"],
        occurred_at=_sortable(row["occurred_at"]),
        source=row["source"],
        facts=orjson.loads(row["facts"]),
        personal=orjson.loads(row["personal"]) if row["personal"] else {},
        record={"topic": row["topic"], "partition": row["partition"], "offset": row["offset"]},
    )


def _dead_letter(row: Any) -> StoredEvent:
    facts = {"service": row["service"], "reason": row["reason"], "place": row["place"]}
    return StoredEvent(
        row["event_id"], "dead_letter", row["lead_id"], _sortable(row["parked_at"]), None, facts, {}, None
    )
