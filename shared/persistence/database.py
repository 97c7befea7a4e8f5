"""The database of a service: one pool, one schema, time-outs on every connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.handling.work import Work
from shared.persistence import arrays
from shared.persistence.decisions import ClaimLost
from shared.persistence.rule_versions import NoActiveRules, UnusableRules

# A stopped worker must not hold a claim: all three are transient errors to the batch.
TIMEOUTS: Final = {
    "lock_timeout": "5000",
    "statement_timeout": "15000",
    "idle_in_transaction_session_timeout": "10000",
}

_TRANSIENT: Final = (
    ClaimLost,
    NoActiveRules,
    UnusableRules,
    OSError,
    TimeoutError,
    PoolTimeout,
    DBAPIError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TransactionRollbackError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InternalClientError,
)


def is_transient(error: BaseException) -> bool:
    """Whether the same work may succeed later: outages, time-outs, deadlocks, a lost claim. Bad data never is."""
    return isinstance(error, _TRANSIENT)


def role_of(schema: str) -> str:
    """The Postgres role of a service: it sees its own schema only."""
    return f"leadstream_{schema}"


def sqlalchemy_url(dsn: str) -> str:
    """A libpq-style DSN as SQLAlchemy's asyncpg dialect wants it."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(scheme="postgresql+asyncpg"))


def create_engine(dsn: str, schema: str, *, pool_size: int = 4) -> AsyncEngine:
    """An engine whose connections see `schema` only, as the service's own role."""
    arrays.encode_lists_quickly()
    return create_async_engine(
        sqlalchemy_url(dsn),
        pool_size=pool_size,
        max_overflow=4,
        pool_timeout=5,
        pool_pre_ping=True,
        json_deserializer=str,  # JSON columns come as text, which most of them are handed on as
        connect_args={
            "timeout": 5,
            "command_timeout": 20,
            "server_settings": {
                "application_name": f"leadstream-{schema}",
                "search_path": schema,
                "role": role_of(schema),
                "jit": "off",
                **TIMEOUTS,
            },
        },
    )


class Database:
    """Transactions of one service."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def transaction(self, now: datetime) -> AsyncIterator[Work]:
        """One Postgres transaction: committed at the end, rolled back on any error."""
        async with self._engine.connect() as connection:
            raw = await connection.get_raw_connection()
            driver: Any = raw.driver_connection
            try:
                async with driver.transaction():
                    yield Work(driver, now)
            except BaseException as error:
                if driver.is_closed() or is_transient(error):
                    await connection.invalidate()
                raise

    async def reachable(self) -> bool:
        """Whether a trivial statement succeeds."""
        try:
            async with self._engine.connect() as connection:
                await connection.exec_driver_sql("SELECT 1")
        except _TRANSIENT:
            return False
        return True

    async def dispose(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
