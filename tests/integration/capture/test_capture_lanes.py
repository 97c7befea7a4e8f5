"""The live lane on Kafka: sources that write straight to Kafka, `send`, and what readers see."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from shared.contracts.topics import CAPTURED, INBOUND, REJECTED
from tests.support.capture import create_schema, outcomes, run_cli, running_capture, until
from tests.support.stack import Servers

pytestmark = [pytest.mark.stack, pytest.mark.processes]


async def read_all(own: Servers, topic: str, count: int) -> list[Any]:
    consumer = AIOKafkaConsumer(
        own.names.topic(topic),
        bootstrap_servers=own.kafka,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    records: list[Any] = []

    async def enough() -> bool:
        for batch in (await consumer.getmany(timeout_ms=200)).values():
            records.extend(batch)
        return len(records) >= count

    try:
        await until(enough, f"{count} records on {topic}")
    finally:
        await consumer.stop()
    return records


async def test_sources_that_write_straight_to_kafka(own: Servers, capture: httpx.AsyncClient) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=own.kafka)
    await producer.start()
    headers = [("ce_source", b"shop"), ("ce_id", b"order-1"), ("ce_time", b"2020-01-01T00:00:00Z")]
    value = orjson.dumps({"email": "ann@example.com", "campaign": "x"})
    try:
        topic = own.names.topic(INBOUND)
        await producer.send_and_wait(topic, value, key=b"c-1", headers=headers)
        await producer.send_and_wait(topic, value, key=b"c-1", headers=headers)
        await producer.send_and_wait(topic, b"{", key=b"c-1", headers=headers)
        await producer.send_and_wait(topic, b"not json")
        await producer.send_and_wait(topic, value, headers=[("ce_source", b"\xff\xfe")])
        await producer.send_and_wait(topic, None, key=b"null")
        await producer.send_and_wait(topic, value, headers=[("ce_type", b"lead.merge")])
    finally:
        await producer.stop()

    async def all_settled() -> dict[tuple[str, str | None], int] | None:
        found = await outcomes(own)
        return found if sum(found.values()) == 7 else None

    assert await until(all_settled, "seven receipts") == {
        ("new", None): 1,
        ("merged", "repeated_event"): 1,
        ("rejected", "id_conflict"): 1,
        ("rejected", "invalid_json"): 2,
        ("dead_lettered", "unreadable_header"): 1,
        ("dead_lettered", "invalid_contract"): 1,
    }
    found = (await capture.get("/v1/receipts", params={"source": "shop", "id": "order-1"})).json()
    assert (found["status"], len(found["repeats"])) == ("new", 2)
    (captured,) = await read_all(own, CAPTURED, 1)
    lead = orjson.loads(captured.value)["lead"]
    assert captured.key == lead["lead_id"].encode()
    assert lead["first_touch"]["occurred_at"] == "2020-01-01T00:00:00Z"
    assert lead["first_touch"]["at"] > "2024"
    rejected = await read_all(own, REJECTED, 3)
    assert {record.key for record in rejected if orjson.loads(record.value)["code"] == "id_conflict"} == {b"c-1"}


async def test_send_and_receipts(own: Servers, capture: httpx.AsyncClient, tmp_path: Path) -> None:
    file = tmp_path / "leads.ndjson"
    file.write_text('{"email": "a@example.com"}\n{"email": "nobody"}\n\n{"phone": "+14155550100"}\n')
    url = str(capture.base_url)
    sent = await run_cli(own, url, tmp_path, "send", str(file), "--source", "webinar", "--json")
    body = orjson.loads(sent.stdout)
    assert (sent.returncode, body["accepted"], [r["code"] for r in body["rejected"]]) == (1, 2, ["invalid_email"])

    async def shown() -> str | None:
        found = await run_cli(own, url, tmp_path, "receipts", "show", body["receipts"][0])
        assert found.returncode == 0, found.stderr
        return found.stdout if "status: new" in found.stdout else None

    assert "source: webinar" in await until(shown, "the receipt is settled")
    unknown = await run_cli(own, url, tmp_path, "receipts", "show", "0" * 48)
    assert (unknown.returncode, "unknown_receipt" in unknown.stderr) == (1, True)
    nobody = await run_cli(own, "http://127.0.0.1:9", tmp_path, "receipts", "show", "0" * 48)
    assert nobody.returncode == 3


async def test_leads_are_taken_without_postgres_and_settled_when_it_is_there(own: Servers, tmp_path: Path) -> None:
    """The tables do not exist yet: for the service that is a database that is not there."""
    async with running_capture(own, tmp_path) as client:
        answer = await client.post("/v1/leads", json={"email": "ann@example.com"})
        assert answer.status_code == 202
        receipt_id = answer.json()["receipt_id"]
        assert (await client.get("/health/ready")).status_code == 200
        await create_schema(own.postgres)

        async def settled() -> bool:
            found = await client.get(f"/v1/receipts/{receipt_id}")
            return found.status_code == 200 and found.json()["status"] == "new"

        await until(settled, "the lead is captured")


async def test_without_kafka_the_answer_is_503_and_quick(own: Servers, tmp_path: Path) -> None:
    async with running_capture(own, tmp_path, until_ready=False, LEADSTREAM_KAFKA_BOOTSTRAP="127.0.0.1:9") as client:
        async with asyncio.timeout(5):
            answer = await client.post("/v1/leads", json={"email": "ann@example.com"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json()["code"] == "unavailable"
        assert (await client.get("/health/ready")).status_code == 503


async def test_without_redis_a_conflict_is_found_at_the_receipt(own: Servers, tmp_path: Path) -> None:
    await create_schema(own.postgres)
    async with running_capture(own, tmp_path, LEADSTREAM_REDIS_URL="redis://127.0.0.1:9/0") as client:
        key = {"Idempotency-Key": "order-7"}
        first = await client.post("/v1/leads?source=shop", json={"email": "ann@example.com"}, headers=key)
        other = await client.post("/v1/leads?source=shop", json={"email": "bob@example.com"}, headers=key)
        assert (first.status_code, other.status_code) == (202, 202)

        async def conflict() -> bool:
            found = (await client.get(f"/v1/receipts/{first.json()['receipt_id']}")).json()
            return [repeat["reason"] for repeat in found.get("repeats", ())] == ["id_conflict"]

        await until(conflict, "the conflict is at the receipt")
