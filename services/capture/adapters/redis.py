"""Redis remembers which body came under which Idempotency-Key. Without it only the early answer is lost."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

_BREAK_S: Final = 5.0
_CONNECTIONS: Final = 16


class IdempotencyMemory:
    """Digests of bodies by event id, for a bounded time. Never raises and never takes longer than its time-out."""

    def __init__(self, url: str, timeout_s: float, keep_s: int, *, prefix: str = "leadstream:intake:") -> None:
        # The plain pool opens a connection for every request of a burst, and keeps all of them for ever.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=timeout_s,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
        )
        self._redis: Redis = Redis.from_pool(pool)
        self._keep_s = keep_s
        self._prefix = prefix
        self._silent_until = 0.0

    async def first_digest(self, event_id: str, digest: int) -> int:
        """The digest that was remembered first for this event: `digest` itself when none was, or Redis is away."""
        if time.monotonic() < self._silent_until:
            return digest
        try:
            known = await self._redis.set(f"{self._prefix}{event_id}", digest, nx=True, get=True, ex=self._keep_s)
        except (RedisError, OSError, TimeoutError) as error:
            self._silent_until = time.monotonic() + _BREAK_S
            log.warning("redis_unreachable", error=type(error).__name__)
            return digest
        return digest if known is None else int(known)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Closes the connections at the end."""
        try:
            yield
        finally:
            await self._redis.aclose()
