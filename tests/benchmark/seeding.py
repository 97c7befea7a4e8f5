"""Many leads stored, from a few thousand real ones: every row that a lead leaves is copied under other ids.

What grows with leads is declared here. A table with rows that is not declared stops the seeding: the measurement would
be of something else.
"""

import shutil
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import asyncpg

from shared.contracts.topics import SERVICES

# Columns besides ids that differ from lead to lead and are part of a key, by table.
GROWS: Final[Mapping[str, tuple[str, ...]]] = {
    "capture.decisions": (),
    "capture.leads": (),
    "capture.identities": (),
    "capture.identity_shares": (),
    "capture.receipts": (),
    "capture.blocks": ("block",),
    "capture.consents": (),
    "capture.conversions": (),
    "scoring.decisions": (),
    "scoring.lead_scores": (),
    "scoring.segment_leads": (),
    "scoring.segment_moves": (),
    "routing.decisions": (),
    "routing.assignments": (),
    "conversion.decisions": (),
    "conversion.leads": (),
    "conversion.accounts": (),
    "conversion.contacts": (),
    "conversion.party_keys": ("key",),
    "conversion.opportunities": (),
    "reporting.decisions": (),
    "reporting.events": (),
    "reporting.personal": (),
    "reporting.outcomes": (),
    "reporting.stored": (),
    "reporting.received": (),
    "reporting.settled": (),
    "reporting.bundles": (),
    "reporting.progress": (),
    "reporting.lead_origins": (),
    "reporting.opportunities": (),
}
# Tables whose rows count leads, and the column that does.
COUNTS: Final = {"reporting.cohorts": "count"}
# Tables whose size does not depend on the number of leads that arrive, in every service and in some.
FIXED: Final = frozenset(
    {
        "marks", "commands", "rule_versions", "active_rules", "slots", "timers", "tombstones", "aliases",
        "alembic_version", "members", "rotations", "keys", "funnel_daily", "parked", "parked_values", "replays",
        "merges", "reviews", "doubles", "duplicate_pairs", "quarantine", "kept_out", "person_requests", "behaviours",
        "parties", "visitor_links", "announced_leads", "targets", "target_lists", "sent_forms", "observed", "fates",
        "material_steps", "lead_behaviours", "segment_behaviours", "lead_interests", "segment_recounts", "shadow_rules",
        "shadow_counts", "journey_runs", "journey_steps", "journey_sends",
    }
)  # fmt: skip
# Numbers that a table's rows get, where they are kept elsewhere too: sequence, and the column that has the highest.
NUMBERED: Final = {
    "bundle_id": ("reporting.bundle_ids", "reporting.bundles", "bundle_id"),
    "bundles": ("reporting.bundle_ids", "reporting.bundles", "bundle_id"),
}
_SPACE: Final = 1.3  # what a database takes while it is made, beside what it takes in the end

# Time-ordered ids (version 7) keep their time, so that new rows go where they would have gone.
_OTHER: Final = """
    CREATE OR REPLACE FUNCTION pg_temp.other(one uuid, n int) RETURNS uuid LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT CASE WHEN substr(one::text, 15, 1) = '7'
            THEN (left(one::text, 19) || right(md5(one::text || n), 16))::uuid
            ELSE overlay(md5(one::text || n) PLACING '5' FROM 13 FOR 1)::uuid END
    $$
"""
_TABLES: Final = """
    SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = ANY($1::text[]) AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""
_COLUMNS: Final = """
    SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type
    FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped
    AND a.attgenerated = '' ORDER BY a.attnum
"""


class NotCovered(Exception):
    """A table of which nobody said whether it grows with leads."""


class Seeded(NamedTuple):
    """What was added to what real leads left."""

    inbound: int = 0
    leads: int = 0
    conversions: int = 0


NOTHING: Final = Seeded()


class _Column(NamedTuple):
    name: str
    type: str


async def seed(dsn: str, leads: int, copies: int) -> Seeded:
    """Copy what `leads` sent leads left `copies` times, then let Postgres settle. Raises NotCovered."""
    connection = await asyncpg.connect(dsn, command_timeout=None)
    try:
        tables = await covered(connection)
        await connection.execute("SET synchronous_commit = off; SET session_replication_role = replica")
        await connection.execute(_OTHER)
        steps = await _steps(connection)
        counts = {table: await _copy(connection, table, copies, steps) for table in tables}
        await _count_again(connection, copies, steps)
        await connection.execute("RESET session_replication_role")
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    return Seeded(leads * copies, counts["capture.leads"], counts["conversion.opportunities"])


async def covered(connection: Any) -> list[str]:
    """The tables that grow with leads. Raises NotCovered for one with rows that nobody declared, or that is gone."""
    found = [row[0] for row in await connection.fetch(_TABLES, list(SERVICES))]
    unknown = [table for table in found if not _declared(table)]
    filled = [table for table in unknown if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table})")]
    if filled:
        raise NotCovered(f"{', '.join(filled)}: say in tests/benchmark/seeding.py whether it grows with leads")
    if gone := [table for table in GROWS if table not in found]:
        raise NotCovered(f"{', '.join(gone)}: declared in tests/benchmark/seeding.py, and not there")
    return list(GROWS)


def _declared(table: str) -> bool:
    return table in GROWS or table in COUNTS or table.partition(".")[2] in FIXED


async def _copy(connection: Any, table: str, copies: int, steps: Mapping[str, int]) -> int:
    columns = [_Column(*row) for row in await connection.fetch(_COLUMNS, table)]
    values = [_value(column, GROWS[table], steps) for column in columns]
    names = ", ".join(f'"{column.name}"' for column in columns)
    status = await connection.execute(
        f"INSERT INTO {table} ({names}) OVERRIDING SYSTEM VALUE "
        f"SELECT {', '.join(values)} FROM generate_series(1, {copies}) n CROSS JOIN {table} t"
    )
    return int(status.rpartition(" ")[2])


async def _steps(connection: Any) -> dict[str, int]:
    """How far the numbers of a copy are from those of the one before."""
    return {
        name: (await connection.fetchval(f'SELECT max("{column}") FROM {table}') or 0) + 1
        for name, (_, table, column) in NUMBERED.items()
    }


async def _count_again(connection: Any, copies: int, steps: Mapping[str, int]) -> None:
    """Counts and sequences that go with the copied rows."""
    for table, column in COUNTS.items():
        await connection.execute(f'UPDATE {table} SET "{column}" = "{column}" * {copies + 1}')
    for name, (sequence, _, _) in NUMBERED.items():
        await connection.execute(f"SELECT setval('{sequence}', {steps[name] * (copies + 1)})")


def _value(column: _Column, varied: Sequence[str], steps: Mapping[str, int]) -> str:
    """How a column's value differs in copy `n`."""
    name = f't."{column.name}"'
    far = f"n::bigint * {steps.get(column.name, 0)}"
    if column.type == "uuid":
        return f"pg_temp.other({name}, n)"
    if column.type == "uuid[]":
        return f"(SELECT array_agg(pg_temp.other(u, n) ORDER BY place) FROM unnest({name}) WITH ORDINALITY AS x (u, place))"
    if column.name in steps and column.type == "bigint":
        return f"{name} + {far}"
    if column.name in steps and column.type == "bigint[]":
        return f"(SELECT coalesce(array_agg(u + {far}), '{{}}') FROM unnest({name}) AS x (u))"
    if column.name not in varied:
        return name
    return f"hashint8extended({name}, n)" if column.type == "bigint" else f"{name} || '~' || n"


def room_for(folder: str, database_bytes: float) -> bool:
    """Whether the disk has room for a database of that size while it is made."""
    return shutil.disk_usage(folder).free > database_bytes * _SPACE
