"""Limits that all replicas share: buckets in Redis, of which a process takes a share at a time; its own without Redis."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from services.capture.adapters.redis import RedisLink
from services.capture.domain.limits import Limit, grant

_SENDERS: Final = 20_000
_KEPT_S: Final = 10.0

# `grant` of domain/limits.py by Redis's own clock. Answers what was taken, and the milliseconds to wait for more.
_GRANT: Final = """
local rate, burst, asked, forced = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == '1'
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local left = burst - (full_at - now) * rate
local least = math.min(1, asked)
if not forced and left < least - 0.000001 then
    return {'0', tostring(math.ceil((least - left) / rate * 1000))}
end
local granted = forced and asked or math.min(asked, math.max(left, least))
full_at = full_at + granted / rate
redis.call('SET', KEYS[1], string.format('%.6f', full_at), 'PX', math.max(1, math.ceil((full_at - now) * 1000)))
return {tostring(granted), '0'}
"""


class _Sender:
    """What this process holds for one sender. `full_at` is of the bucket that counts while Redis is away."""

    __slots__ = ("asking", "full_at", "held", "held_until", "refused_until")

    def __init__(self) -> None:
        self.asking = asyncio.Lock()
        self.held = self.held_until = self.refused_until = self.full_at = 0.0

    def spend(self, now: float, cost: float) -> bool:
        """Whether what is held is enough; it is less then."""
        if now >= self.held_until or self.held < cost:
            return False
        self.held -= cost
        return True


class Limiter:
    """Lets senders in, each kind (a key, an address) under its limit. Never raises and hardly ever waits for Redis."""

    def __init__(self, link: RedisLink, limits: Mapping[str, Limit], secret: bytes, *, prefix: str) -> None:
        self._link = link
        self._limits = limits
        self._secret = blake2b(secret).digest()
        self._prefix = prefix
        self._grant = link.client.register_script(_GRANT)
        self._senders: OrderedDict[tuple[str, str], _Sender] = OrderedDict()

    async def admit(self, kind: str, name: str) -> float:
        """0 when one more request may come in, else the seconds until it may."""
        limit = self._limits[kind]
        if limit.rate <= 0:
            return 0.0
        sender, now = self._sender(kind, name), time.monotonic()
        if sender.spend(now, 1.0):
            return 0.0
        if now < sender.refused_until:
            return sender.refused_until - now
        async with sender.asking:
            now = time.monotonic()  # others may have asked meanwhile
            if sender.spend(now, 1.0):
                return 0.0
            if now >= sender.refused_until:
                await self._take_share(limit, sender, kind, name)
            return 0.0 if sender.spend(time.monotonic(), 1.0) else max(0.001, sender.refused_until - now)

    async def charge(self, kind: str, name: str, cost: float) -> None:
        """Count what was let in and turned out to be more. What is beyond the limit is a debt: later requests wait."""
        limit = self._limits[kind]
        if limit.rate <= 0 or cost <= 0:
            return
        sender = self._sender(kind, name)
        if sender.spend(time.monotonic(), cost):
            return
        async with sender.asking:
            owed, sender.held = cost - sender.held, 0.0
            await self._ask(limit, sender, kind, name, owed, forced=True)

    async def _take_share(self, limit: Limit, sender: _Sender, kind: str, name: str) -> None:
        granted, wait_s = await self._ask(limit, sender, kind, name, limit.share)
        now = time.monotonic()
        if granted:
            sender.held, sender.held_until = granted, now + _KEPT_S
        else:
            sender.refused_until = now + wait_s

    async def _ask(
        self, limit: Limit, sender: _Sender, kind: str, name: str, asked: float, *, forced: bool = False
    ) -> tuple[float, float]:
        """What is granted and else the wait, by the common bucket, or by this process's own where Redis is away."""
        arguments = [limit.rate, limit.burst, asked, int(forced)]
        key = f"{self._prefix}{kind}:{self._digest(name)}"
        answer = await self._link.ask(lambda: self._grant(keys=[key], args=arguments), None)
        if answer is not None:
            return float(answer[0]), float(answer[1]) / 1000
        own = grant(limit, sender.full_at, time.monotonic(), asked, forced=forced)
        sender.full_at = own.full_at
        return own.granted, own.wait_s

    def _digest(self, name: str) -> str:
        """An address is personal data: Redis has a keyed digest of it."""
        return blake2b(name.encode(), key=self._secret, digest_size=16).hexdigest()

    def _sender(self, kind: str, name: str) -> _Sender:
        known = self._senders.get((kind, name))
        if known is not None:
            self._senders.move_to_end((kind, name))
            return known
        if len(self._senders) >= _SENDERS:
            self._senders.popitem(last=False)
        self._senders[kind, name] = made = _Sender()
        return made
