"""Writes a batch: what is known of millions as pages and bundles, exceptions as rows, counts only for what was new."""

from datetime import datetime
from typing import Final

from services.reporting.adapters.postgres.behaviour import save_behaviour
from services.reporting.adapters.postgres.books import first_deliveries, save_received, settle
from services.reporting.adapters.postgres.erasure import forget_leads, share_erasing
from services.reporting.adapters.postgres.history import save_history
from services.reporting.adapters.postgres.lists import save_lists
from services.reporting.adapters.postgres.origins import save_origins
from services.reporting.adapters.postgres.replays import save_replays
from services.reporting.adapters.postgres.sales import save_sales
from services.reporting.domain.rows import ParkedRow, Rows, columns
from shared.handling.work import Work

# Kafka's timestamps travel as milliseconds: a datetime costs three times as much to send.
_INSTANT: Final = "timestamptz 'epoch' + u.ms * interval '1 millisecond'"

_OUTCOMES: Final = """
    INSERT INTO outcomes (topic_id, partition, "offset", event_id, outcome, reason, lead_id, receipt_id, settled_at)
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::uuid[], $5::text[], $6::text[], $7::uuid[], $8::text[],
                         $9::timestamptz[])
    ON CONFLICT DO NOTHING
"""

_EVENTS: Final = f"""
    INSERT INTO events (topic_id, partition, "offset", received_at, event_id, topic, type, occurred_at, source, lead_id,
                        facts)
    SELECT u.t, u.p, u.o, {_INSTANT}, u.e, u.topic, u.type, u.at, u.source, u.lead_id, u.facts
    FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::uuid[], $6::text[], $7::text[],
                $8::timestamptz[], $9::text[], $10::uuid[], $11::text[])
         AS u (t, p, o, ms, e, topic, type, at, source, lead_id, facts)
    ON CONFLICT DO NOTHING
"""

_PERSONAL: Final = f"""
    INSERT INTO personal (topic_id, partition, "offset", received_at, lead_id, personal)
    SELECT u.t, u.p, u.o, {_INSTANT}, u.lead_id, u.personal
    FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::uuid[], $6::text[])
         AS u (t, p, o, ms, lead_id, personal)
    WHERE NOT EXISTS (SELECT FROM progress g WHERE g.lead_id = u.lead_id AND g.erased)
    ON CONFLICT DO NOTHING
"""

# What is refused once more is shown with its newest reason; everything else stays as it came.
_PARKED: Final = """
    WITH fresh AS (
        INSERT INTO parked AS p (parked_id, kind, service, reason, place, source, topic, topic_id, partition, "offset",
                            event_id, lead_id, headers, parked_at, row_number, replay_of, attempt)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::uuid[], $9::int[], $10::bigint[], $11::uuid[], $12::uuid[], $13::text[],
                             $14::timestamptz[], $18::int[], $19::uuid[], $20::int[])
        ON CONFLICT (parked_id) DO UPDATE
        SET reason = excluded.reason, place = excluded.place, parked_at = excluded.parked_at
        WHERE p.kind = 'rejected' AND p.parked_at < excluded.parked_at
        RETURNING p.parked_id, p.lead_id
    )
    INSERT INTO parked_values (parked_id, key, value, headers)
    SELECT u.* FROM unnest($1::uuid[], $15::bytea[], $16::bytea[], $17::text[]) AS u (parked_id, key, value, headers)
    JOIN fresh USING (parked_id) WHERE (u.key IS NOT NULL OR u.value IS NOT NULL OR u.headers IS NOT NULL)
      AND NOT EXISTS (SELECT FROM progress g WHERE g.lead_id = fresh.lead_id AND g.erased)
    ON CONFLICT DO NOTHING
"""

_ALIASES: Final = """
    INSERT INTO aliases AS a (loser_id, winner_id, version, merged_at)
    SELECT u.*, $4 FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS u (loser_id, winner_id, version)
    ON CONFLICT (loser_id) DO UPDATE
    SET winner_id = excluded.winner_id, version = excluded.version, merged_at = excluded.merged_at
    WHERE a.version < excluded.version
"""

# A lead is purged once, however often it is told.
_PURGED: Final = """
    INSERT INTO purged (lead_id, what) SELECT * FROM unnest($1::uuid[], $2::text[]) ON CONFLICT DO NOTHING
"""


class PostgresEventStore:
    """The event store, the ledger and the aggregates in Postgres. The counts come last: their rows are hot."""

    async def save(self, work: Work, rows: Rows) -> None:
        """Write a batch."""
        kept = await first_deliveries(work, rows)
        for item in kept:
            if item.outcome is not None:
                rows.settle(item.outcome)
        await settle(work, rows)
        if rows.personal or rows.parked:
            await share_erasing(work)
        await self._save_exceptions(work, rows)
        await save_behaviour(work, rows)
        counts = await save_received(work, rows.received)
        await save_history(work, kept, counts)
        await save_origins(work, kept)
        await save_lists(work, rows, kept)
        await save_sales(work, kept)
        if rows.erased:
            await forget_leads(work, rows.erased)
        if rows.purged:
            await work.execute(_PURGED, *map(list, zip(*sorted(rows.purged.items()), strict=True)))
        await counts.save(work)

    async def _save_exceptions(self, work: Work, rows: Rows) -> None:
        """What few records need has a row each."""
        if rows.events:
            await work.execute(_EVENTS, *columns(rows.events, 11))
        if rows.personal:
            await work.execute(_PERSONAL, *columns(rows.personal, 6))
        if rows.outcomes:
            await work.execute(_OUTCOMES, *columns(rows.outcomes, 9))
        if rows.parked:
            newest = {row.parked_id: row for row in sorted(rows.parked, key=_parked)}
            await work.execute(_PARKED, *columns(list(newest.values()), 20))
        if rows.replays:
            await save_replays(work, rows.replays)
        if rows.aliases:
            await self._save_aliases(work, rows)

    async def _save_aliases(self, work: Work, rows: Rows) -> None:
        losers = sorted(rows.aliases)
        winners = [rows.aliases[loser] for loser in losers]
        await work.execute(_ALIASES, losers, [w for w, _ in winners], [v for _, v in winners], work.now)


def _parked(row: ParkedRow) -> tuple[str, datetime]:
    return row.parked_id, row.parked_at
