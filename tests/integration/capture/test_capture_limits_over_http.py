"""Limits of the intake: shared by replicas, kept up without Redis, told with 429 and Retry-After, nobody else's matter."""

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from deploy.local.ports import choose_port
from services.capture.adapters.limits import Limiter
from services.capture.adapters.redis import RedisLink
from services.capture.domain.limits import Limit
from tests.support.capture import ADMIN_KEY, SECRET, create_schema, running_capture
from tests.support.stack import Servers

pytestmark = [pytest.mark.stack, pytest.mark.processes]

SMALL: dict[str, Any] = {
    "LEADSTREAM_REDIS_TIMEOUT_S": "5",
    "LEADSTREAM_KEY_RATE": "0.1",
    "LEADSTREAM_KEY_BURST": "20",
    "LEADSTREAM_ADDRESS_RATE": "0.1",
    "LEADSTREAM_ADDRESS_BURST": "30",
}
LIMITS = {"key": Limit(0.5, 40.0), "address": Limit(0.0, 1.0)}


@pytest.fixture
async def replicas(own: Servers) -> AsyncIterator[list[Limiter]]:
    """Two limiters of one deployment on a real Redis."""
    prefix = f"test:{secrets.token_hex(4)}:"
    links = [RedisLink(own.redis, 1.0) for _ in range(2)]
    yield [Limiter(link, LIMITS, SECRET, prefix=prefix) for link in links]
    for link in links:
        await link.client.aclose()


async def admitted(limiter: Limiter, name: str, tries: int) -> int:
    return sum([await limiter.admit("key", name) == 0 for _ in range(tries)])


async def test_replicas_share_one_bucket_and_senders_do_not(replicas: list[Limiter]) -> None:
    one, other = replicas
    assert 36 <= await admitted(one, "ann", 30) + await admitted(other, "ann", 30) <= 41
    wait = await one.admit("key", "ann")
    assert 0 < wait <= 2.1
    assert await admitted(other, "bob", 30) == 30
    assert await admitted(one, "anyone", 3) == 3


async def test_many_at_once_are_counted_too(replicas: list[Limiter]) -> None:
    waits = await asyncio.gather(*(limiter.admit("key", "crowd") for limiter in replicas for _ in range(200)))
    assert 36 <= sum(wait == 0 for wait in waits) <= 41


async def test_what_was_charged_is_a_debt_everywhere(replicas: list[Limiter]) -> None:
    one, other = replicas
    assert await one.admit("key", "batches") == 0
    await one.charge("key", "batches", 60.0)
    assert await other.admit("key", "batches") > 40
    assert await one.admit("address", "unlimited") == 0


async def test_without_redis_each_process_counts_by_itself_and_nobody_waits() -> None:
    nowhere = RedisLink(f"redis://127.0.0.1:{choose_port(())}/0", 0.2)
    limiter = Limiter(nowhere, LIMITS, SECRET, prefix="test:")
    began = time.monotonic()
    assert 38 <= await admitted(limiter, "ann", 100) <= 41
    assert await admitted(limiter, "bob", 10) == 10
    assert time.monotonic() - began < 2.0
    await nowhere.client.aclose()


async def test_one_key_and_one_address_are_told_to_wait_and_others_are_not(own: Servers, tmp_path: Path) -> None:
    await create_schema(own.postgres)
    async with running_capture(own, tmp_path, **SMALL) as client:
        first = await _post(client, 25, address="203.0.113.1")
        assert first == Counter({202: 20, 429: 5})
        refused = await client.post("/v1/leads", json={"email": "a@example.com"})
        assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 10
        admin = {"Authorization": f"Bearer {ADMIN_KEY}"}
        assert await _post(client, 15, address="203.0.113.2", **admin) == Counter({202: 15})
        guessing = await _post(client, 40, address="2001:db8::1", Authorization="Bearer guess")
        assert guessing == Counter({401: 30, 429: 10})
        assert (await _post(client, 1, address="2001:db8::2", **admin)) == Counter({429: 1})
        lines = b"\n".join(b'{"email":"batch%d@example.com"}' % n for n in range(100))
        batch = {"content-type": "application/x-ndjson", "x-forwarded-for": "203.0.113.3", **admin}
        assert (await client.post("/v1/leads/batch", content=lines, headers=batch)).status_code == 202
        assert await _post(client, 1, address="203.0.113.4", **admin) == Counter({429: 1})


async def _post(client: httpx.AsyncClient, times: int, *, address: str, **headers: str) -> Counter[int]:
    statuses: Counter[int] = Counter()
    for n in range(times):
        body = {"email": f"lead{n}@example.com"}
        answer = await client.post("/v1/leads", json=body, headers={"x-forwarded-for": address, **headers})
        assert answer.status_code != 429 or int(answer.headers["retry-after"]) >= 1
        statuses[answer.status_code] += 1
    return statuses
