"""Segments as they run: two replicas on real Kafka, told within seconds, once, and equal to a recount."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from shared.contracts.catalog import EVENTS
from shared.contracts.envelope import rfc3339
from shared.contracts.topics import CAPTURED, JOURNEYS, LEAD_EVENTS, SCORED
from shared.runtime.clock import utc_now
from tests.support import http
from tests.support.process import ServiceProcess
from tests.support.scoring import captured, create_schema, lead_id
from tests.support.stack import Servers
from tests.support.topics import envelope, produce, read_to_end, reset_group
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]

KEY = "an-admin-key-of-this-test"
LEADS = 60
SEGMENTS = """
kind: segments
name: test
counts: {prices: {kinds: [page.viewed], category: pricing, days: 30}}
segments:
  - {id: keen, when: {field: activity.prices, gte: 2}}
  - {id: managers, when: {field: title, contains: manager}}
"""


@pytest.fixture
async def replicas(own: Servers, tmp_path: Path) -> AsyncIterator[list[ServiceProcess]]:
    await create_schema(own.postgres)
    env = {**own.environment(), "LEADSTREAM_ADMIN_KEY": KEY, "LEADSTREAM_SESSION_TIMEOUT_MS": "6000"}
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(
                ServiceProcess("services.scoring.main", env, tmp_path / f"scoring-{n}.log", replica=n)
            )
            for n in range(2)
        ]
        yield [await process.start().ready() for process in processes]


def client(process: ServiceProcess) -> httpx.AsyncClient:
    return http.client(process.url, headers={"Authorization": f"Bearer {KEY}"}, timeout=10)


async def publish(process: ServiceProcess, document: str) -> None:
    async with client(process) as http:
        body = {"document": document, "author": "Ann", "reason": "a test"}
        answer = await http.post("/v1/rules/segments", json=body)
        while answer.status_code == 202:
            answer = await http.get(answer.headers.get("location", f"/v1/commands/{answer.json()['command_id']}"))
            if answer.json()["status"] == "done":
                return
            await asyncio.sleep(0.1)
        assert answer.status_code == 200, answer.text


async def feed(own: Servers, numbers: Sequence[int]) -> None:
    leads = [(lead_id(n).encode(), captured(n), envelope("lead.captured", f"{n}/1", lead_id(n))) for n in numbers]
    await produce(own, CAPTURED, leads)


async def views(own: Servers, numbers: Sequence[int], times: int, ago: timedelta = timedelta()) -> None:
    at = rfc3339(utc_now() - ago)
    records = [
        (
            lead_id(n).encode(),
            orjson.dumps({"lead_id": lead_id(n), "kind": "page.viewed", "category": "pricing", "occurred_at": at}),
            envelope("lead.behaved", f"{n}/{time}", lead_id(n)),
        )
        for n in numbers
        for time in range(times)
    ]
    await produce(own, LEAD_EVENTS, records)


async def moves(own: Servers, count: int) -> list[tuple[str, str, str]]:
    """(type, lead, segment) of everything that a downstream reader sees, once there is that much."""

    async def enough() -> list[Any] | None:
        records = await read_to_end(own, JOURNEYS)
        return records if len(records) >= count else None

    records = await eventually(enough, f"{count} moves", within=60, every=0.2)
    told = []
    for record in records:
        kind = dict(record.headers)["ce_type"].decode()
        data = EVENTS[kind].model_validate_json(record.value or b"", strict=True)
        told.append((kind, record.key.decode(), data.segment))  # type: ignore[attr-defined]
    return told


async def test_segments_follow_events_once_whatever_is_delivered_again(
    own: Servers, replicas: list[ServiceProcess]
) -> None:
    first, second = replicas
    await publish(first, SEGMENTS)
    await feed(own, range(LEADS))
    told = await moves(own, LEADS)
    assert Counter(told) == Counter(("segment.entered", lead_id(n), "managers") for n in range(LEADS))
    await views(own, range(LEADS // 2), 2)
    told = await moves(own, LEADS + LEADS // 2)
    assert sum(segment == "keen" for _, _, segment in told) == LEADS // 2

    # Without any traffic, new rules move those who are there.
    await publish(second, SEGMENTS.replace("contains: manager", "contains: chief"))
    told = await moves(own, 2 * LEADS + LEADS // 2)
    assert sum(kind == "segment.exited" for kind, _, _ in told) == LEADS

    # All that was read is read again: nothing goes out anew.
    for process in replicas:
        assert await asyncio.to_thread(process.stop) == 0
    await reset_group(own, "scoring-segments", [SCORED, LEAD_EVENTS])
    for process in replicas:
        await process.start().ready()
    async with client(first) as http:
        await http.post("/v1/segments/recount", json={"reason": "to be sure"})

        async def ended() -> dict[str, Any] | None:
            found: dict[str, Any] = (await http.get("/v1/segments")).json()
            newest = found["recounts"][0]
            return found if newest["reason"] == "to be sure" and newest["ended_at"] else None

        found = await eventually(ended, "the recount has ended", within=60)
        assert (found["recounts"][0]["looked"], found["recounts"][0]["moved"]) == (LEADS, 0)
        assert {each["segment"]: each["leads"] for each in found["items"]} == {"keen": LEADS // 2, "managers": 0}
        keen = (await http.get("/v1/segments/keen/leads", params={"limit": 200})).json()["items"]
        assert {each["lead_id"] for each in keen} == {lead_id(n) for n in range(LEADS // 2)}
        why = (await http.get(f"/v1/leads/{lead_id(1)}/segments")).json()["segments"]
        assert [(each["segment"], each["member"]) for each in why] == [("keen", True), ("managers", False)]
    assert len(await moves(own, 0)) == 2 * LEADS + LEADS // 2


async def test_time_alone_moves_a_lead_once(own: Servers, replicas: list[ServiceProcess]) -> None:
    await publish(replicas[0], SEGMENTS)
    await feed(own, range(LEADS))
    await moves(own, LEADS)
    await views(own, range(LEADS), 2, ago=timedelta(days=30, seconds=-20))
    told = await moves(own, 3 * LEADS)
    assert Counter(each for each in told if each[2] == "keen") == Counter(
        (kind, lead_id(n), "keen") for n in range(LEADS) for kind in ("segment.entered", "segment.exited")
    )


async def test_no_replica_reads_what_the_other_settled(own: Servers, replicas: list[ServiceProcess]) -> None:
    """A lead's rows are one, also where its score and its behaviour come to two replicas at once."""
    await publish(replicas[0], SEGMENTS)
    numbers = range(200, 200 + LEADS)
    await asyncio.gather(feed(own, numbers), views(own, numbers, 2))
    told = await moves(own, 2 * LEADS)
    assert len(told) == len(set(told)) == 2 * LEADS
    connection = await asyncpg.connect(own.postgres)
    try:
        rows = await connection.fetch("SELECT members FROM scoring.segment_leads")
    finally:
        await connection.close()
    assert [sorted(orjson.loads(row["members"])) for row in rows] == [["keen", "managers"]] * LEADS
