"""Sources over HTTP, as processes on real servers: stored before read, answered as the provider expects."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from tests.integration.capture.test_capture_http import count, settled
from tests.support.capture import create_schema, running_capture, until
from tests.support.sources import SECRETS
from tests.support.stack import Servers

pytestmark = [pytest.mark.stack, pytest.mark.processes]

FILE = """kind: sources
sources:
  ads: {kind: google, secrets: [{env: KEY}]}
  off: {kind: google, secrets: [{env: KEY}], disabled: true}
"""


@pytest.fixture
def sources_file(tmp_path: Path) -> Path:
    path = tmp_path / "sources.yaml"
    path.write_text(FILE)
    return path


@pytest.fixture
async def capture(own: Servers, tmp_path: Path, sources_file: Path) -> AsyncIterator[httpx.AsyncClient]:
    await create_schema(own.postgres)
    async with running_capture(
        own, tmp_path, LEADSTREAM_CAPTURE_SOURCES=str(sources_file), KEY=SECRETS["KEY"], OLD_KEY=SECRETS["OLD_KEY"]
    ) as client:
        yield client


async def found(capture: httpx.AsyncClient, source: str, event: str) -> dict[str, Any]:
    """The settled receipt of a provider's own id."""

    async def look() -> str | None:
        answer = await capture.get("/v1/receipts", params={"source": source, "id": event})
        return answer.json()["receipt_id"] if answer.status_code == 200 else None

    return await settled(capture, await until(look, f"a receipt of {event}"))


def google(lead_id: str, email: str, **more: Any) -> dict[str, Any]:
    column = {"column_id": "EMAIL", "string_value": email}
    return {"lead_id": lead_id, "user_column_data": [column], "google_key": SECRETS["KEY"], **more}


async def test_google_leads_are_leads_once_and_tests_are_tests(capture: httpx.AsyncClient, own: Servers) -> None:
    for _ in range(2):
        answer = await capture.post("/v1/webhooks/google/ads", json=google("1", "ann@example.com"))
        assert (answer.status_code, answer.content) == (200, b"{}")
    await capture.post("/v1/webhooks/google/ads", json=google("2", "no address"))
    await capture.post("/v1/webhooks/google/ads", json=google("3", "bob@example.com", is_test=True))
    first = await found(capture, "ads", "1")
    assert first["status"] == "new"
    assert (await found(capture, "ads", "3"))["status"] == "test"
    assert (await found(capture, "ads", "2"))["status"] == "new"  # its id identifies it; the address is kept as sent

    async def repeated() -> bool:
        return "repeats" in await found(capture, "ads", "1")

    await until(repeated, "the second delivery is settled")
    (repeat,) = (await found(capture, "ads", "1"))["repeats"]
    assert (repeat["status"], repeat["reason"], repeat["lead_id"]) == ("merged", "repeated_event", first["lead_id"])
    assert await count(own) == 4


async def test_unknown_disabled_and_unverified_sources_leave_nothing(capture: httpx.AsyncClient, own: Servers) -> None:
    body = google("1", "ann@example.com")
    for path, changed, status, code in (
        ("google/none", body, 404, "unknown_source"),
        ("meta/ads", body, 404, "unknown_source"),
        ("form/ads", body, 404, "unknown_source"),
        ("google/off", body, 403, "source_disabled"),
        ("google/ads", {**body, "google_key": "wrong"}, 401, "wrong_key"),
    ):
        answer = await capture.post(f"/v1/webhooks/{path}", json=changed)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await capture.post("/v1/webhooks/google/ads", content=b"{}")).status_code == 415
    assert (await capture.get("/v1/webhooks/google/ads")).status_code == 405
    await capture.post("/v1/webhooks/google/ads", json=body)
    await found(capture, "ads", "1")
    assert await count(own) == 1


async def test_the_file_of_sources_is_followed_and_a_broken_one_is_not(
    capture: httpx.AsyncClient, sources_file: Path
) -> None:
    body = orjson.dumps(google("1", "ann@example.com"))

    async def status(name: str) -> int:
        headers = {"content-type": "application/json"}
        return (await capture.post(f"/v1/webhooks/google/{name}", content=body, headers=headers)).status_code

    async def on() -> bool:
        return await status("off") == 200

    async def broken() -> bool:
        return "capture_sources_file_broken 1.0" in (await capture.get("/metrics")).text

    assert await status("off") == 403
    await asyncio.to_thread(sources_file.write_text, FILE.replace(", disabled: true", ""))
    await until(on, "the source is switched on")
    await asyncio.to_thread(sources_file.write_text, FILE.replace("kind: google", "kind: goggle"))
    await until(broken, "the broken file is noticed")
    assert await status("off") == 200
