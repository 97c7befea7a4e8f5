"""Conversion as a process on real Kafka: routed in, opportunities out, once; by hand over HTTP; offset 0 again."""

from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from services.conversion.domain.converting import opportunity_id_of
from shared.contracts.events.conversion import OpportunityConverted
from shared.contracts.topics import CHANGED, COMMANDS_COMPLETED, CONVERTED, ROUTED, SALES_COMMANDS
from tests.support.conversion import lanes, lead_id, migrated, routed
from tests.support.process import ServiceProcess
from tests.support.stack import Servers
from tests.support.topics import envelope, produce, read_to_end, reset_group
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]
KEY = "ls_test_secret"
COUNT = 300


def service(own: Servers, folder: Path) -> ServiceProcess:
    env = {**own.environment(), "LEADSTREAM_ADMIN_KEY": KEY}
    return ServiceProcess("services.conversion.main", env, folder / "conversion.log")


async def feed(own: Servers) -> None:
    """Two of three leads pass the gate."""
    records = [
        (lead_id(n).encode(), routed(n, value=80 if n % 3 else 5), envelope("lead.routed", n, lead_id(n)))
        for n in range(COUNT)
    ]
    await produce(own, ROUTED, records)


async def published(own: Servers, topic: str) -> list[dict[str, Any]]:
    return [orjson.loads(record.value or b"") for record in await read_to_end(own, topic)]


async def convert(process: ServiceProcess, n: int) -> httpx.Response:
    async with httpx.AsyncClient(base_url=process.url, headers={"Authorization": f"Bearer {KEY}"}) as client:
        return await client.post(f"/v1/leads/{lead_id(n)}/convert", timeout=10)


async def test_routed_leads_come_out_as_opportunities_once(own: Servers, tmp_path: Path) -> None:
    await migrated(own.postgres)
    await feed(own)
    passing = {opportunity_id_of(lead_id(n)) for n in range(COUNT) if n % 3}
    async with service(own, tmp_path) as process, lanes(own.postgres) as (lane,):
        process.start()
        await process.ready()

        async def all_out() -> bool:
            return len(await published(own, CONVERTED)) >= len(passing)

        await eventually(all_out, "every passing lead is out")
        records = await read_to_end(own, CONVERTED)
        seen = Counter(record.key.decode() for record in records if record.key)
        assert set(seen) == passing and set(seen.values()) == {1}
        for record in records:
            data = OpportunityConverted.model_validate_json(record.value or b"")
            assert dict(record.headers)["ce_id"].decode() == data.event_id
            assert (record.key or b"").decode() == data.opportunity_id

        first, second = await convert(process, 0), await convert(process, 0)
        assert (first.status_code, second.status_code) == (200, 200)
        ids = {**first.json()["result"], "already_converted": True}
        assert second.json()["result"] == ids and first.json()["result"]["already_converted"] is False
        automatic = await convert(process, 1)
        assert automatic.json()["result"]["opportunity_id"] == opportunity_id_of(lead_id(1))
        process.stop()

        before = await lane.contents()
        out = {topic: len(await read_to_end(own, topic)) for topic in (CONVERTED, CHANGED, COMMANDS_COMPLETED)}
        assert out == {CONVERTED: len(passing) + 1, CHANGED: len(passing) + 1, COMMANDS_COMPLETED: 3}

        await reset_group(own, "conversion", [ROUTED, SALES_COMMANDS])
        process.start()
        await process.ready()

        async def all_read_again() -> bool:
            return await process.metric("records_total") >= COUNT + 3

        await eventually(all_read_again, "everything was read again")
        process.stop()
        assert await lane.contents() == before
        assert {topic: len(await read_to_end(own, topic)) for topic in out} == out
