"""The whole product under faults: services killed while leads flow, Redis gone, Kafka gone."""

import asyncio
import random
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest

from deploy.local.home import Home
from deploy.local.postgres import remove_place
from deploy.local.stack import Stack
from shared.contracts.topics import CONVERTED, INBOUND
from tests.e2e.conftest import HOT, Product, migrated, product_on
from tests.support.proxy import proxied
from tests.support.stack import Servers, fresh
from tests.support.topics import produce, read_to_end
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes, pytest.mark.timeout(240)]

LEADS = 3_000


def flowing_leads() -> list[tuple[bytes, bytes, list[tuple[str, bytes]]]]:
    """Hot leads of ten people a company, each sent straight to Kafka by a partner; every tenth is sent twice."""
    records = []
    for n in range(LEADS):
        lead = {
            **HOT,
            "email": f"person{n}@company{n // 10}.example",
            "phone": None,
            "external_id": f"X-{n}",
            "first_name": f"P{n}",
            "company": {"name": f"Company {n // 10}", "industry": "software", "employees": 420},
        }
        record = (
            f"X-{n}".encode(),
            orjson.dumps(lead),
            [("ce_source", b"partner"), ("ce_id", f"evt-{n}".encode())],
        )
        records += [record, record] if n % 10 == 0 else [record]
    return records


async def test_services_killed_while_leads_flow_lose_and_double_nothing(product: Product) -> None:
    rng = random.Random(7)
    feeding = asyncio.create_task(produce(product.servers, INBOUND, flowing_leads()))
    for name in [*product.services, "conversion", "capture"]:
        await _some_progress(product)
        victim = product.services[name]
        victim.kill()
        product.start(name, LEADSTREAM_MAX_RECORDS=str(rng.choice((100, 500, 2000))))
    await feeding
    for process in product.services.values():
        await process.ready(within=60)
    received = LEADS + LEADS // 10
    totals = await product.quiet(received, within=120)
    assert (totals["received"], totals["new"], totals["merged"]) == (received, LEADS, LEADS // 10)
    assert totals["dead_lettered"] == totals["rejected"] == 0
    ids = [record.key for record in await read_to_end(product.servers, CONVERTED)]
    assert len(ids) == LEADS
    assert not [key for key, times in Counter(ids).items() if times > 1]
    assert await product.value("SELECT count(*) FROM conversion.contacts") == LEADS
    assert await product.value("SELECT count(*) FROM conversion.accounts") == LEADS // 10
    ledger = (await product.get("reporting", "/v1/ledger?recount=true")).json()
    assert ledger["balanced"], ledger["problems"]


async def _some_progress(product: Product) -> None:
    before = len(await read_to_end(product.servers, CONVERTED))

    async def more() -> bool:
        return len(await read_to_end(product.servers, CONVERTED)) > before or before >= LEADS

    await eventually(more, "leads are converted", within=60, every=0.2)


async def test_without_redis_only_the_early_answer_is_lost(own: Servers, tmp_path: Path) -> None:
    redis = urlsplit(own.redis)
    assert redis.hostname
    assert redis.port
    async with proxied(redis.hostname, redis.port) as proxy:
        through = redis._replace(netloc=redis.netloc.rsplit(":", 1)[0] + f":{proxy.port}").geturl()
        async with product_on(own, tmp_path, ["capture"], LEADSTREAM_REDIS_URL=through) as product:
            first = await product.send_lead(HOT, **{"Idempotency-Key": "k"})
            assert first.status_code == 202
            early = await product.send_lead({**HOT, "first_name": "Other"}, **{"Idempotency-Key": "k"})
            assert early.status_code == 409
            for fault in (proxy.cut, proxy.hang):
                proxy.mend()
                fault()
                began = time.monotonic()
                late = await product.send_lead({**HOT, "title": "CFO"}, **{"Idempotency-Key": f"k-{fault.__name__}"})
                assert late.status_code == 202
                assert time.monotonic() - began < 2
                other = await product.send_lead({**HOT, "title": "CTO"}, **{"Idempotency-Key": f"k-{fault.__name__}"})
                assert other.status_code == 202
                assert other.json()["receipt_id"] == late.json()["receipt_id"]


async def test_without_kafka_capture_answers_503_quickly_and_recovers(tmp_path: Path) -> None:
    """On a stack of its own, because it stops Kafka."""
    folder = Path(tempfile.mkdtemp(prefix="leadstream-kafka-down-"))
    stack = Stack(Home(folder), environ={})
    try:
        env = await asyncio.to_thread(stack.start)
        root = Servers(
            env["LEADSTREAM_KAFKA_BOOTSTRAP"], env["LEADSTREAM_POSTGRES_DSN"], env["LEADSTREAM_REDIS_URL"], "own"
        )
        own = await fresh(root)
        await migrated(own)
        async with product_on(own, tmp_path, ["capture"], migrate=False) as product:
            assert (await product.send_lead(HOT)).status_code == 202
            await asyncio.to_thread(stack.stop_server, "kafka")
            for _ in range(3):
                began = time.monotonic()
                refused = await product.send_lead(HOT)
                assert refused.status_code == 503
                assert "retry-after" in refused.headers
                assert time.monotonic() - began < 5
            await asyncio.to_thread(stack.start_server, "kafka")

            async def taken() -> bool:
                return (await product.send_lead(HOT)).status_code == 202

            await eventually(taken, "capture takes leads again", within=60, every=0.5)
            await product.services["capture"].ready(within=60)
    finally:
        await asyncio.to_thread(stack.stop)
        remove_place(Home(folder))
        shutil.rmtree(folder, ignore_errors=True)
