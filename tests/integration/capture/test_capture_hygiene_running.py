"""The nightly look at leads through a running capture: asked for over HTTP, taken on beside the lanes, told on the topic."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.contracts.topics import CAPTURED
from tests.integration.capture.test_capture_merging import ADMIN, became
from tests.support.capture import create_schema, running_capture, until
from tests.support.stack import Servers
from tests.support.topics import read_to_end

pytestmark = [pytest.mark.stack, pytest.mark.processes]

ANN = {"email": "ann@northwind-robotics.com", "title": "CEO", "company": {"name": "Northwind Robotics"}}


@asynccontextmanager
async def verifier_on_http() -> AsyncIterator[str]:
    """A verifier that knows that everybody works elsewhere now."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        contacts = json.loads(await reader.readexactly(size))["contacts"]
        found = [{"lead_id": one["lead_id"], "facts": {"company.name": "Fabrikam"}} for one in contacts]
        body = json.dumps({"findings": found}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n")
        writer.write(b"content-length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/page"


async def ended_run(client: httpx.AsyncClient) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        items = (await client.get("/v1/hygiene/runs", headers=ADMIN)).json()["items"]
        return items[0] if items and items[0]["ended_at"] else None

    found: dict[str, Any] = await until(look, "the run ends")
    return found


async def told_on_topic(servers: Servers, at_least: int) -> list[Any]:
    """What was said of leads without a submission; nothing until that is enough."""
    records = await read_to_end(servers, CAPTURED)
    found = [record for record in records if dict(record.headers)["ce_type"] == b"lead.changed"]
    return found if len(found) >= at_least else []


async def test_a_run_tells_of_a_new_employer_once_however_many_replicas_there_are(own: Servers, tmp_path: Path) -> None:
    await create_schema(own.postgres)
    (tmp_path / "second").mkdir()
    async with (
        verifier_on_http() as url,
        running_capture(own, tmp_path, LEADSTREAM_HYGIENE_VERIFIER_URL=url) as client,
        running_capture(own, tmp_path / "second", LEADSTREAM_HYGIENE_VERIFIER_URL=url),
    ):
        ann, info = await became(client, **ANN), await became(client, email="info@northwind-robotics.com")
        preview = (await client.get("/v1/hygiene/preview", headers=ADMIN)).json()
        assert (preview["due"], preview["would_change"], preview["lead_ids"]) == (2, 1, [info])
        begun = await client.post("/v1/hygiene/run", headers=ADMIN)
        assert begun.status_code in (200, 202), begun.text
        run = await ended_run(client)
        assert (run["checked"], run["changed"]) == (2, 2)
        told = await until(lambda: told_on_topic(own, 2), "two leads are told of")
    changed = {record.key.decode(): json.loads(record.value) for record in told}
    assert len(told) == 2 and changed.keys() == {ann, info}
    lead = changed[ann]["lead"]
    assert lead["company"]["name"] == "Fabrikam"
    assert [one["name"] for one in lead["previous_companies"]] == ["Northwind Robotics"]
    assert changed[ann]["details"]["changed"] == ["company.name"]
