"""Writes a batch: one statement a table, every table under its natural key, counts only for what was new."""

from typing import Final

from services.reporting.adapters.postgres.replays import save_replays
from services.reporting.domain.rows import Rows, columns
from shared.handling.work import Work

# Kafka's timestamps travel as milliseconds: a datetime costs three times as much to send.
_INSTANT: Final = "timestamptz 'epoch' + u.ms * interval '1 millisecond'"

# The marks of a batch's partitions are locked before this runs, so no two batches write the same coordinates at once.
_INBOUND: Final = f"""
    WITH fresh AS (
        INSERT INTO inbound (topic_id, partition, "offset", topic, event_id, source, received_at)
        SELECT u.t, u.p, u.o, u.topic, u.e, u.source, {_INSTANT}
        FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::bigint[])
             AS u (t, p, o, topic, e, source, ms)
        ON CONFLICT DO NOTHING
        RETURNING (received_at AT TIME ZONE 'utc')::date AS day, source
    )
    INSERT INTO funnel_daily AS f (day, source, stage, count)
    SELECT day, source, 'received', count(*) FROM fresh GROUP BY day, source ORDER BY day, source
    ON CONFLICT (day, source, stage) DO UPDATE SET count = f.count + excluded.count
"""

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
    ON CONFLICT DO NOTHING
"""

# The earliest time stands. A row that is moved to an earlier day takes its count along: `was_*` is what it leaves.
_STAGES: Final = """
    WITH moved AS (
        INSERT INTO lead_stages AS s (lead_id, stage, first_at, source, day)
        SELECT u.*, (u.first_at AT TIME ZONE 'utc')::date
        FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[]) AS u (lead_id, stage, first_at, source)
        ON CONFLICT (lead_id, stage) DO UPDATE
        SET first_at = excluded.first_at, source = excluded.source, day = excluded.day,
            was_day = s.day, was_source = s.source
        WHERE (excluded.first_at, excluded.source) < (s.first_at, s.source)
        RETURNING stage, day, source, was_day, was_source
    ), change AS (
        SELECT day, source, stage, 1 AS n FROM moved
        UNION ALL SELECT was_day, was_source, stage, -1 FROM moved WHERE was_day IS NOT NULL
    )
    INSERT INTO funnel_daily AS f (day, source, stage, count)
    SELECT day, source, stage, sum(n) FROM change GROUP BY day, source, stage HAVING sum(n) <> 0
    ORDER BY day, source, stage
    ON CONFLICT (day, source, stage) DO UPDATE SET count = f.count + excluded.count
"""

_PARKED: Final = """
    WITH fresh AS (
        INSERT INTO parked (parked_id, kind, service, reason, place, source, topic, topic_id, partition, "offset",
                            event_id, lead_id, headers, parked_at, row_number, replay_of, attempt)
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                             $8::uuid[], $9::int[], $10::bigint[], $11::uuid[], $12::uuid[], $13::text[],
                             $14::timestamptz[], $18::int[], $19::uuid[], $20::int[])
        ON CONFLICT DO NOTHING
        RETURNING parked_id
    )
    INSERT INTO parked_values (parked_id, key, value, headers)
    SELECT u.* FROM unnest($1::uuid[], $15::bytea[], $16::bytea[], $17::text[]) AS u (parked_id, key, value, headers)
    JOIN fresh USING (parked_id) WHERE u.key IS NOT NULL OR u.value IS NOT NULL OR u.headers IS NOT NULL
    ON CONFLICT DO NOTHING
"""

_ALIASES: Final = """
    INSERT INTO aliases AS a (loser_id, winner_id, version, merged_at)
    SELECT u.*, $4 FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS u (loser_id, winner_id, version)
    ON CONFLICT (loser_id) DO UPDATE
    SET winner_id = excluded.winner_id, version = excluded.version, merged_at = excluded.merged_at
    WHERE a.version < excluded.version
"""


class PostgresEventStore:
    """The event store, the ledger and the aggregates in Postgres. The counts come last: their rows are hot."""

    async def save(self, work: Work, rows: Rows) -> None:
        """Write a batch."""
        if rows.events:
            await work.execute(_EVENTS, *columns(rows.events, 11))
        if rows.personal:
            await work.execute(_PERSONAL, *columns(rows.personal, 6))
        if rows.outcomes:
            await work.execute(_OUTCOMES, *columns(rows.outcomes, 9))
        if rows.parked:
            await work.execute(_PARKED, *columns(rows.parked, 20))
        if rows.replays:
            await save_replays(work, rows.replays)
        if rows.aliases:
            await self._save_aliases(work, rows)
        if stages := rows.stages:
            await work.execute(_STAGES, *columns(stages, 4))
        if rows.inbound:
            await work.execute(_INBOUND, *columns(rows.inbound, 7))

    async def _save_aliases(self, work: Work, rows: Rows) -> None:
        losers = sorted(rows.aliases)
        winners = [rows.aliases[loser] for loser in losers]
        await work.execute(_ALIASES, losers, [w for w, _ in winners], [v for _, v in winners], work.now)
