"""The database of a service: one pool, one schema, time-outs on every connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import urlsplit, urlunsplit

import asyncpg

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

# Connecting takes longer than an answer: where a name server is away, each look-up waits 5 s for it first.
CONNECT_TIMEOUT_S: Final = 15
_CLOSE_TIMEOUT_S: Final = 3

_TRANSIENT: Final = (
    ClaimLost,
    NoActiveRules,
    UnusableRules,
    OSError,
    TimeoutError,
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


# After these nobody knows what the session still does.
_BREAKING: Final = (
    OSError,
    TimeoutError,
    asyncio.CancelledError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
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


class Engine:
    """A service's connections, as its own role, seeing its own schema only; opened when they are asked for."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._opening = asyncio.Lock()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A connection for a while. One that broke under the work is closed, not used again."""
        pool = self._pool or await self._open()
        async with pool.acquire(timeout=CONNECT_TIMEOUT_S) as held:
            connection = cast("asyncpg.Connection[asyncpg.Record]", held)
            try:
                yield connection
            except BaseException as error:
                if isinstance(error, _BREAKING):
                    connection.terminate()
                raise

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(min_size=0, reset=_as_it_is, **self._options)
            return self._pool

    async def dispose(self) -> None:
        """Close every connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                    await pool.close()


async def _as_it_is(_connection: Any) -> None:
    """Nothing that we run changes a session: asking Postgres to reset it would be a round trip for each transaction."""


def create_engine(dsn: str, schema: str, *, pool_size: int = 4) -> Engine:
    """An engine whose connections see `schema` only, as the service's own role. At most twice `pool_size` of them."""
    arrays.encode_lists_quickly()
    settings = {
        "application_name": f"leadstream-{schema}",
        "search_path": schema,
        "role": role_of(schema),
        "jit": "off",
    }
    return Engine(
        {
            "dsn": dsn,
            "max_size": 2 * pool_size,
            "timeout": CONNECT_TIMEOUT_S,
            "command_timeout": 20,
            "server_settings": {**settings, **TIMEOUTS},
        }
    )


class Database:
    """Transactions of one service."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def transaction(self, now: datetime) -> AsyncIterator[Work]:
        """One Postgres transaction: committed at the end, rolled back on any error."""
        async with self._engine.connection() as connection, connection.transaction():
            work = Work(connection, now)
            yield work
        work.stored()

    async def reachable(self) -> bool:
        """Whether a trivial statement succeeds."""
        try:
            async with self._engine.connection() as connection:
                await connection.fetchval("SELECT 1")
        except _TRANSIENT:
            return False
        return True

    async def dispose(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
