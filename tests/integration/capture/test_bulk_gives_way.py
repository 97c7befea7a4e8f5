"""Imports wait while the live lanes are behind, and a live lead passes them."""

from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from shared.contracts.envelope import Headers
from shared.contracts.topics import CAPTURED, INBOUND_BULK
from shared.messaging import admin
from shared.messaging.giving_way import GroupsLag
from tests.support.capture import create_schema, outcomes, running_capture, until
from tests.support.stack import Servers
from tests.support.topics import produce

pytestmark = [pytest.mark.stack, pytest.mark.processes]

ROWS = 3_000
LIMIT = 300


async def catch_up(own: Servers, group: str, topic: str) -> None:
    """Commit a group's offsets to the end, as a service that has read everything."""
    consumer: Any = AIOKafkaConsumer(
        bootstrap_servers=own.kafka, group_id=own.names.group(group), enable_auto_commit=False,
        isolation_level="read_committed",
    )  # fmt: skip
    await consumer.start()
    try:
        found = await admin.describe(own.kafka, own.names, [topic])
        places = [TopicPartition(own.names.topic(topic), n) for n in range(found[topic].partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        await consumer.commit({place: OffsetAndMetadata(end, "") for place, end in ends.items()})
    finally:
        await consumer.stop()


def row(n: int) -> tuple[bytes, bytes, Headers]:
    headers = [("ce_source", b"fair"), ("ce_id", b"%d" % n), ("ce_type", b"lead.submitted")]
    return b"%d" % n, b'{"email": "p%d@example.com"}' % n, headers


async def test_an_import_waits_for_the_live_lanes_and_a_live_lead_does_not(own: Servers, tmp_path: Path) -> None:
    await create_schema(own.postgres)
    async with running_capture(
        own, tmp_path, LEADSTREAM_BULK_PAUSE_LAG=str(LIMIT), LEADSTREAM_MAX_RECORDS="50"
    ) as client:
        await produce(own, INBOUND_BULK, [row(n) for n in range(ROWS)])

        async def metric(name: str) -> float | None:
            text = (await client.get("/metrics")).text
            group = own.names.group("capture-bulk")
            lines = [line for line in text.splitlines() if line.startswith(f'{name}{{group="{group}"}}')]
            return float(lines[0].rpartition(" ")[2]) if lines else None

        async def paused() -> bool:
            return await metric("consumer_paused") == 1

        await until(paused, "the bulk lane gives way, for nobody scores", seconds=60)
        assert (await metric("downstream_lag_records") or 0) > LIMIT
        accepted = await client.post("/v1/leads", json={"email": "live@example.com"})
        assert accepted.status_code == 202
        live = accepted.json()["receipt_id"]

        async def live_is_captured() -> bool:
            receipt: dict[str, str] = (await client.get(f"/v1/receipts/{live}")).json()
            return receipt["status"] == "new"

        await until(live_is_captured, "a live lead is captured meanwhile")
        assert (await outcomes(own))["new", None] < ROWS
        assert await paused()
        assert (await client.get("/health/ready")).status_code == 200

        async def all_captured() -> bool:
            if await paused():
                await catch_up(own, "scoring", CAPTURED)
            return (await outcomes(own))["new", None] == ROWS + 1

        await until(all_captured, "the import goes on whenever scoring has caught up", seconds=60)
        assert "lane_goes_on" in (tmp_path / "capture.log").read_text()


async def test_lag_is_counted_from_what_was_committed_or_else_from_the_beginning(own: Servers) -> None:
    lag = GroupsLag(own.kafka, own.names, {"scoring": (CAPTURED,), "routing": (CAPTURED,)})
    try:
        assert await lag.read() == 0
        await produce(own, CAPTURED, [(b"k", b"v", [])] * 10)
        assert await lag.read() == 20
        await catch_up(own, "scoring", CAPTURED)
        assert await lag.read() == 10
    finally:
        await lag.close()
