"""Databases that are made once a run: before each test they are emptied, and hold again what they held when they were made."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from tests.support.stack import Servers, create_database, drop_database

_TABLES: Final = """
    SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^pg_'
      AND n.nspname NOT IN ('information_schema', 'at_first')
    ORDER BY 1
"""
_KEPT: dict[tuple[str, str], str] = {}


async def kept_database(servers: Servers, what: str, make: Callable[[str], Awaitable[None]]) -> str:
    """The DSN of the database in which `make` has been done, and nothing since. One test at a time may use it."""
    key = (servers.postgres, what)
    if key not in _KEPT:
        made = await create_database(servers.postgres)
        await make(made)
        await _note(made)
        _KEPT[key] = made
    await _reset(_KEPT[key])
    return _KEPT[key]


async def forget(servers: Servers) -> None:
    """Take them away, where the server outlives the run."""
    for key in [key for key in _KEPT if key[0] == servers.postgres]:
        await drop_database(servers.postgres, _KEPT.pop(key))


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")  # in any order of the tables
            yield connection
    finally:
        await connection.close()


async def _note(dsn: str) -> None:
    """Keep the rows that are there beside their tables."""
    async with _connected(dsn) as connection:
        await connection.execute("CREATE SCHEMA at_first")
        for number, name in enumerate(await _tables(connection)):
            if await connection.fetchval(f"SELECT EXISTS (SELECT FROM {name})"):
                await connection.execute(f"CREATE TABLE at_first.t{number} AS TABLE {name}")


async def _reset(dsn: str) -> None:
    async with _connected(dsn) as connection:
        noted = {
            row["relname"]
            for row in await connection.fetch(
                "SELECT relname FROM pg_class WHERE relnamespace = 'at_first'::regnamespace"
            )
        }
        tables = await _tables(connection)
        await connection.execute(";".join(f"DELETE FROM {name}" for name in tables))
        for number, name in enumerate(tables):
            if f"t{number}" in noted:
                await connection.execute(f"INSERT INTO {name} OVERRIDING SYSTEM VALUE TABLE at_first.t{number}")


async def _tables(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    return [row["name"] for row in await connection.fetch(_TABLES)]
