"""For tests of erasures: which tables there are, and what a person left anywhere in a schema."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import asyncpg
import orjson

from shared.persistence.erasing import CHASSIS, PersonalTables

# Every word of somebody who is to be erased: none may be found anywhere.
CANARY = ("canary.kestrel@nest.example", "+14155550199", "Kestrelina", "Canarywing", "feather-secret-77")

_TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname
"""


def canary(**more: Any) -> dict[str, Any]:
    """A submission of the one who is to be erased."""
    email, phone, first, last, message = CANARY
    return {"email": email, "phone": phone, "first_name": first, "last_name": last, "message": message, **more}


async def tables_of(dsn: str, schema: str) -> list[str]:
    """The tables of a schema, partitions aside."""
    connection = await asyncpg.connect(dsn)
    try:
        return [row["relname"] for row in await connection.fetch(_TABLES, schema)]
    finally:
        await connection.close()


def unaccounted(tables: Iterable[str], personal: Sequence[PersonalTables], free: Mapping[str, str]) -> list[str]:
    """Tables that neither take part in erasures nor are declared to hold nothing of a person; and names of no table."""
    known = {*CHASSIS, *free, *(name for family in personal for name in family.tables)}
    return sorted(known ^ set(tables))


async def remains(dsn: str, schema: str, words: Iterable[str] = CANARY) -> list[str]:
    """Where in a schema any of these words still stands, looked for in the text of every row, bytes read as text."""
    connection = await asyncpg.connect(dsn)
    found = []
    try:
        await connection.execute("SET bytea_output = 'escape'")
        for table in await tables_of(dsn, schema):
            for word in words:
                seen = await connection.fetchval(
                    f'SELECT count(*) FROM {schema}."{table}" AS t WHERE strpos(lower(t::text), lower($1)) > 0', word
                )
                found += [f"{table}: {word}"] * bool(seen)
    finally:
        await connection.close()
    return found


def erased(version: int, *lead_ids: str) -> bytes:
    """The value of a `lead.erased`: the first lead, with those that were merged into it."""
    lead_id, *aliases = lead_ids
    lead = {"lead_id": lead_id, "lead_version": version, "aliases": aliases}
    return orjson.dumps({"leads": [lead], "erased_at": "2026-01-05T10:00:00Z"})
