"""Redis, as capture uses it: for what may be lost. Without it only the early answer and the common count are."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

_BREAK_S: Final = 5.0
_CONNECTIONS: Final = 16
T = TypeVar("T")


class RedisLink:
    """Questions to Redis that never raise and never take longer than the time-out; after a failure it is left alone for
    a while."""

    def __init__(self, url: str, timeout_s: float) -> None:
        # The plain pool opens a connection for every request of a burst, and keeps all of them for ever.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
        )
        self.client: Redis = Redis.from_pool(pool)
        self._silent_until = 0.0

    async def ask(self, question: Callable[[], Awaitable[T]], default: T) -> T:
        """The answer, or the default when Redis is away."""
        if time.monotonic() < self._silent_until:
            return default
        try:
            return await question()
        except (RedisError, OSError, TimeoutError) as error:
            self._silent_until = time.monotonic() + _BREAK_S
            log.warning("redis_unreachable", error=type(error).__name__)
            return default

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Closes the connections at the end."""
        try:
            yield
        finally:
            await self.client.aclose()


class IdempotencyMemory:
    """Which body came first under which Idempotency-Key, for a bounded time: digests by event id."""

    def __init__(self, link: RedisLink, keep_s: int, *, prefix: str = "leadstream:intake:") -> None:
        self._link = link
        self._keep_s = keep_s
        self._prefix = prefix

    async def first_digest(self, event_id: str, digest: int) -> int:
        """The digest that was remembered first for this event: `digest` itself when none was, or Redis is away."""
        name, redis = f"{self._prefix}{event_id}", self._link.client
        known = await self._link.ask(lambda: redis.set(name, digest, nx=True, get=True, ex=self._keep_s), None)
        return digest if known is None else int(known)
