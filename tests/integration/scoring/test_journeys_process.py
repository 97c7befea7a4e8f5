"""Journeys as they run: two replicas on real Kafka, killed on the way; each message under one key, each timer once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from services.scoring.journeys.domain.model import load_journey_rules
from services.scoring.segments.domain.model import load_segment_rules
from shared.contracts.catalog import EVENTS
from shared.contracts.envelope import rfc3339
from shared.contracts.topics import CAPTURED, JOURNEYS, LEAD_EVENTS
from shared.handling.work import Work
from shared.persistence.rule_versions import NewRules, publish_version
from shared.runtime.clock import utc_now
from tests.support.process import ServiceProcess
from tests.support.scoring import captured, create_schema, lead_id
from tests.support.stack import Servers
from tests.support.topics import envelope, produce, read_to_end
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]

LEADS = 40
SEGMENTS = "kind: segments\nsegments: [{id: everybody, when: {field: email, exists: true}}]\n"
RULES = """
kind: journeys
journeys:
  - id: welcome
    segment: everybody
    steps:
      - {id: hello, send: {channel: email, text: Hello}}
      - {id: pause, wait: {days: 3}}
      - {id: gift, offer: {channel: email, text: 'Code {code}'}}
"""


async def publish(own: Servers) -> None:
    """The rules of this test, in the tables before anybody runs."""
    connection = await asyncpg.connect(own.postgres, server_settings={"search_path": "scoring"})
    try:
        async with connection.transaction():
            work = Work(connection, utc_now())
            for kind, text, loaded in (
                ("segments", SEGMENTS, load_segment_rules(SEGMENTS)),
                ("journeys", RULES, load_journey_rules(RULES)),
            ):
                await publish_version(work, NewRules(kind, kind, loaded.content_hash, text, "Ann", "a test"))
    finally:
        await connection.close()


@pytest.fixture
async def replicas(own: Servers, tmp_path: Path) -> AsyncIterator[list[ServiceProcess]]:
    await create_schema(own.postgres)
    await publish(own)
    env = {
        **own.environment(),
        "LEADSTREAM_SESSION_TIMEOUT_MS": "6000",
        "LEADSTREAM_CHANNELS_FOLDER": str(tmp_path / "channels"),
    }
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(
                ServiceProcess("services.scoring.main", env, tmp_path / f"scoring-{n}.log", replica=n)
            )
            for n in range(2)
        ]
        yield [await process.start().ready() for process in processes]


async def query(own: Servers, sql: str) -> list[Any]:
    connection = await asyncpg.connect(own.postgres)
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


async def steps(own: Servers) -> Counter[tuple[str, str, str]]:
    """(lead, step, action) of all that a downstream reader sees."""
    told: Counter[tuple[str, str, str]] = Counter()
    for record in await read_to_end(own, JOURNEYS):
        kind = dict(record.headers)["ce_type"].decode()
        data: Any = EVENTS[kind].model_validate_json(record.value or b"", strict=True)
        if kind == "journey.advanced":
            told[data.lead_id, data.step, data.action] += 1
    return told


async def test_each_step_is_taken_once_whoever_is_killed(
    own: Servers, replicas: list[ServiceProcess], tmp_path: Path
) -> None:
    first, second = replicas
    outbox = tmp_path / "channels" / "email.ndjson"

    def keys() -> set[str]:
        lines = outbox.read_bytes().splitlines() if outbox.exists() else []
        return {orjson.loads(line)["key"] for line in lines}

    async def sent(count: int) -> None:
        async def enough() -> bool:
            return len(keys()) >= count

        await eventually(enough, f"{count} messages", within=90, every=0.2)

    leads = [(lead_id(n).encode(), captured(n), envelope("lead.captured", f"{n}/1", lead_id(n))) for n in range(LEADS)]
    await produce(own, CAPTURED, leads)
    await sent(LEADS)

    # Three days pass, and one replica dies while the timers fire.
    await query(own, "UPDATE scoring.journey_runs SET due_at = now()")
    await query(own, "UPDATE scoring.timers SET due_at = now() WHERE kind = 'journey.step_due'")
    first.kill()
    await first.start().ready()
    await sent(2 * LEADS)
    expected = {
        (lead_id(n), step, action): 1
        for n in range(LEADS)
        for step, action in [
            ("hello", "entered"), ("hello", "sent"), ("pause", "waits"), ("gift", "offered"),
        ]
    }  # fmt: skip
    assert await steps(own) == expected
    assert {row["state"] for row in await query(own, "SELECT state FROM scoring.journey_runs")} == {"done"}

    async def settled() -> bool:
        return {r["state"] for r in await query(own, "SELECT state FROM scoring.journey_sends")} == {"sent"}

    await eventually(settled, "every message is noted as sent", within=60)
    assert len(keys()) == 2 * LEADS

    # An offer is redeemed.
    (row,) = await query(own, f"SELECT code FROM scoring.journey_sends WHERE lead_id = '{lead_id(1)}' AND code <> ''")
    data = {"lead_id": lead_id(1), "kind": "offer.redeemed", "occurred_at": rfc3339(utc_now())}
    data["properties"] = {"code": row["code"], "amount": "99.50", "currency": "EUR"}  # type: ignore[assignment]
    await produce(
        own, LEAD_EVENTS, [(lead_id(1).encode(), orjson.dumps(data), envelope("lead.behaved", 1, lead_id(1)))]
    )

    async def redeemed() -> bool:
        rows = await query(own, "SELECT sum(amount) AS amount FROM scoring.journey_sends")
        return str(rows[0]["amount"]) == "99.50"

    await eventually(redeemed, "the offer is redeemed", within=60)
    assert await asyncio.to_thread(second.stop) == 0
