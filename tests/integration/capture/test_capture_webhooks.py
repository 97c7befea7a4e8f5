"""Sources over HTTP, as processes on real servers: stored before read, answered as the provider expects."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from tests.integration.capture.test_capture_http import count, settled
from tests.support.capture import RECEIPTS, create_schema, running_capture, until
from tests.support.sources import SECRETS
from tests.support.stack import Servers

pytestmark = [pytest.mark.stack, pytest.mark.processes]

FILE = """kind: sources
sources:
  ads: {kind: google, secrets: [{env: KEY}]}
  off: {kind: google, secrets: [{env: KEY}], disabled: true}
  contact: {kind: form, form_kind: contact, return_urls: ["https://www.example.com/thanks"]}
  w2l: {kind: salesforce, oid: 00D01, return_urls: ["https://www.example.com/"]}
  crm: {kind: hubspot}
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


async def test_forms_send_the_browser_on_once_the_lead_is_stored(capture: httpx.AsyncClient, own: Servers) -> None:
    fields = {"email": "ann@example.com", "retURL": "https://evil.example/"}
    anybody = {"authorization": ""}
    answer = await capture.post("/v1/forms/contact", data=fields, headers={**anybody, "idempotency-key": "k1"})
    assert (answer.status_code, answer.headers["location"]) == (303, "https://www.example.com/thanks")
    assert (await found(capture, "contact", "k1"))["status"] == "new"
    fields = {"oid": "00D01", "last_name": "Lee", "email": "lee@example.com", "retURL": "https://www.example.com/x"}
    answer = await capture.post("/servlet/servlet.WebToLead?encoding=UTF-8", data=fields, headers=anybody)
    assert (answer.status_code, answer.headers["location"]) == (303, "https://www.example.com/x")
    for path, status in (("/v1/forms/none", 404), ("/v1/forms/ads", 404), ("/servlet/servlet.WebToLead", 404)):
        assert (await capture.post(path, data={"oid": "00D", "email": "a@b.com"})).status_code == status
    assert (await capture.post("/v1/forms/contact", files={"a": b"x"})).status_code == 415

    async def both() -> bool:
        return await count(own) == 2

    await until(both, "both forms are settled")


async def test_each_submission_of_a_list_has_its_own_outcome(capture: httpx.AsyncClient, own: Servers) -> None:
    fields = [[{"name": "email", "value": f"p{number}@example.com"}] for number in range(100)]
    body: list[Any] = [{"fields": each} for each in fields]
    body[7] = {"fields": []}
    answer = await capture.post("/v1/webhooks/hubspot/crm", json=body)
    assert answer.json() == {"inlineMessage": "Thanks for submitting the form."}

    async def all_of_them() -> bool:
        return await count(own) == 100

    await until(all_of_them, "every submission is settled")
    assert await outcomes(own) == {"new": 99, "rejected": 1}


async def outcomes(own: Servers) -> dict[str, int]:
    connection = await asyncpg.connect(own.postgres)
    try:
        rows = await connection.fetch(f"SELECT outcome, count(*) FROM ({RECEIPTS}) AS r GROUP BY outcome")
    finally:
        await connection.close()
    return {row["outcome"]: row["count"] for row in rows}
