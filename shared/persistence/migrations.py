"""Migrations: each service's own Alembic history in its own schema, run by `leadstream migrate`, never at start."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import asyncpg
from alembic import command, context
from alembic.config import Config
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.persistence.database import role_of, sqlalchemy_url

Seed = Callable[["asyncpg.Connection[asyncpg.Record]"], Awaitable[None]]

_LOCK: Final = int.from_bytes(hashlib.sha256(b"leadstream migrations").digest()[:7])


def config_for(service: str, folder: Path, dsn: str) -> Config:
    """Alembic's configuration for a service, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["service"] = service
    config.attributes["dsn"] = dsn
    return config


async def prepare_schema(service: str, dsn: str) -> None:
    """Create the service's schema and its role, which sees this schema only. Needs an administrator's DSN."""
    connection = await asyncpg.connect(dsn, timeout=10)
    role = role_of(service)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            await _create_role(connection, role)
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {service} AUTHORIZATION {role}")
        await connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    finally:
        await connection.close()


async def _create_role(connection: "asyncpg.Connection[asyncpg.Record]", role: str) -> None:
    try:
        await connection.execute(f"CREATE ROLE {role} NOLOGIN")
        await connection.execute(f"GRANT {role} TO CURRENT_USER")
    except (asyncpg.DuplicateObjectError, asyncpg.UniqueViolationError):
        return  # another database of the same server was quicker; roles are the server's


def upgrade(service: str, folder: Path, dsn: str) -> None:
    """Bring a service's schema to the newest version."""
    asyncio.run(prepare_schema(service, dsn))
    command.upgrade(config_for(service, folder, dsn), "head")


def downgrade(service: str, folder: Path, dsn: str, revision: str) -> None:
    """Take a service's schema back; for tests and rollbacks."""
    command.downgrade(config_for(service, folder, dsn), revision)


async def seed(service: str, dsn: str, work: Seed) -> None:
    """Run a service's seed (default rules) as its own role, in one transaction."""
    connection = await asyncpg.connect(
        dsn, timeout=10, server_settings={"search_path": service, "role": role_of(service)}
    )
    try:
        async with connection.transaction():
            await work(connection)
    finally:
        await connection.close()


def run_env() -> None:
    """What each service's `migrations/env.py` calls."""
    attributes: dict[str, Any] = context.config.attributes
    asyncio.run(_migrate(attributes["service"], attributes["dsn"]))


async def _migrate(service: str, dsn: str) -> None:
    engine = create_async_engine(
        sqlalchemy_url(dsn),
        poolclass=pool.NullPool,
        connect_args={"server_settings": {"search_path": service, "role": role_of(service), "lock_timeout": "5000"}},
    )
    async with engine.connect() as connection:
        await connection.run_sync(_run, service)
        await connection.commit()
    await engine.dispose()


def _run(connection: Connection, service: str) -> None:
    context.configure(connection=connection, version_table_schema=service)
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    with context.begin_transaction():
        context.run_migrations()
