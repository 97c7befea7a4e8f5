"""Schemas are migrated once a run: an empty database becomes a copy of one that was migrated before."""

import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

import asyncpg

_SCHEMAS = "SELECT 1 FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('public', 'information_schema')"

# The database to copy, by server and by what it holds. It stays until the server goes, or until `forget`.
_TEMPLATES: dict[tuple[str, str], str] = {}


async def fill(dsn: str, what: str, make: Callable[[str], Awaitable[None]]) -> None:
    """Bring `make` about in a database: by a copy where it is empty, by `make` itself where it is not."""
    if not await _empty(dsn):
        await make(dsn)
        return
    server = _at(dsn, "postgres")
    template = _TEMPLATES.get((server, what))
    connection = await asyncpg.connect(server)
    try:
        if template is None:
            template = f"t_{what}_{secrets.token_hex(4)}"
            await connection.execute(f'CREATE DATABASE "{template}"')
            await make(_at(dsn, template))
            _TEMPLATES[server, what] = template
        name = urlsplit(dsn).path.lstrip("/")
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()


async def forget(dsn: str) -> None:
    """Take the templates of a server that outlives the run away."""
    server = _at(dsn, "postgres")
    connection = await asyncpg.connect(server)
    try:
        for key in [key for key in _TEMPLATES if key[0] == server]:
            await connection.execute(f'DROP DATABASE IF EXISTS "{_TEMPLATES.pop(key)}" WITH (FORCE)')
    finally:
        await connection.close()


async def _empty(dsn: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(_SCHEMAS) is None
    finally:
        await connection.close()


def _at(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))
