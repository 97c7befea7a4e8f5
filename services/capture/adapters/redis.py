"""Redis, as capture uses it: for what may be lost. Without it only the early answer and the common count are."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

_FIRST_BREAK_S, _LONGEST_BREAK_S = 5.0, 30.0
_CONNECTIONS: Final = 16
T = TypeVar("T")


class RedisLink:
    """Questions to Redis that never raise and never take longer than the time-out; after a failure it is left alone for
    a while, then for longer, and only one question tries it: each try may keep a look-up of its name busy that others need."""

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
        self._break_s = 0.0

    async def ask(self, question: Callable[[], Awaitable[T]], default: T) -> T:
        """The answer, or the default when Redis is away."""
        now = time.monotonic()
        if now < self._silent_until:
            return default
        tries_again = self._break_s > 0
        if tries_again:
            self._silent_until = now + self._break_s
        try:
            found = await question()
        except (RedisError, OSError, TimeoutError) as error:
            self._leave_alone(tries_again)
            log.warning("redis_unreachable", error=type(error).__name__)
            return default
        self._silent_until = self._break_s = 0.0
        return found

    def _leave_alone(self, tried_again: bool) -> None:
        """Several may find at once that it is away: only a try after a break makes the next one longer."""
        if tried_again:
            self._break_s = min(self._break_s * 2, _LONGEST_BREAK_S)
        self._break_s = max(self._break_s, _FIRST_BREAK_S)
        self._silent_until = time.monotonic() + self._break_s

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
