"""What people do, over HTTP and Kafka: from servers, and from pages with a public key."""

from datetime import UTC, datetime
from typing import Any

import httpx
import orjson
import pytest

from shared.contracts.topics import CAPTURED, LEAD_EVENTS
from tests.integration.capture.test_capture_lanes import read_all
from tests.support.browser_keys import browser_key
from tests.support.capture import until
from tests.support.stack import Servers

pytestmark = [pytest.mark.stack, pytest.mark.processes]

PAGE = "https://shop.example"
NDJSON = {"content-type": "application/x-ndjson"}
VISITOR = "lsv_AAAAAAAAAAAAAAAAAAAAA1"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"


async def settled(client: httpx.AsyncClient, receipt_id: str, *wanted: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        body: dict[str, Any] = (await client.get(f"/v1/receipts/{receipt_id}")).json()
        return body if body["status"] in wanted else None

    found: dict[str, Any] = await until(look, f"receipt {receipt_id} is {wanted}")
    return found


async def test_events_before_and_after_their_lead_reach_it_once(own: Servers, capture: httpx.AsyncClient) -> None:
    lines = [
        {"kind": "page.viewed", "id": "1", "visitor_id": VISITOR, "properties": {"url": f"{PAGE}/pricing"}},
        {"kind": "form.submitted", "id": "2", "visitor_id": VISITOR, "email": "ann@example.com"},
        {"kind": 7, "id": "3"},
    ]
    body = b"\n".join(orjson.dumps(line) for line in lines)
    answer = await capture.post("/v1/events?source=site", content=body, headers=NDJSON)
    assert answer.status_code == 202 and answer.json()["accepted"] == 2
    (rejected,) = answer.json()["rejected"]
    assert (rejected["line"], rejected["code"], rejected["field"]) == (3, "invalid_type", "kind")
    first, second = answer.json()["receipts"]
    assert (await settled(capture, second, "anonymous"))["reason"] == "person_unknown"
    assert (await settled(capture, rejected["receipt_id"], "rejected"))["field"] == "kind"
    await capture.post("/v1/leads", json={"email": "ann@example.com"})
    lead_id = (await settled(capture, first, "stitched"))["lead_id"]
    assert (await settled(capture, second, "stitched"))["lead_id"] == lead_id
    again = await capture.post("/v1/events?source=site", content=body, headers=NDJSON)
    assert again.json()["receipts"] == [first, second]
    late = await capture.post("/v1/events?source=site", json={"kind": "mail.bounced", "email": "ann@example.com"})
    await settled(capture, late.json()["receipt_id"], "stitched")
    records = await read_all(own, LEAD_EVENTS, 3)
    kinds = sorted(orjson.loads(record.value)["kind"] for record in records)
    assert kinds == ["form.submitted", "mail.bounced", "page.viewed"]
    assert {record.key.decode() for record in records} == {lead_id}


async def test_events_tell_of_their_lead_and_a_lead_of_its_visitor(own: Servers, capture: httpx.AsyncClient) -> None:
    """From the lane of behaviour to the live one and back, each once."""
    visit = {"kind": "page.viewed", "id": "v", "visitor_id": VISITOR}
    seen = (await capture.post("/v1/events?source=shop", json=visit)).json()["receipt_id"]
    listed = {"email": "ann@example.com", "state": "target", "list": {"name": "cfos"}, "visitor_id": VISITOR}
    await capture.post("/v1/leads?source=shop", json=listed)
    lead_id = (await settled(capture, seen, "stitched"))["lead_id"]
    said = [{"kind": "mail.replied", "id": "r"}, {"kind": "mail.bounced", "id": "b"}]
    body = b"\n".join(orjson.dumps({**each, "email": "ann@example.com"}) for each in said)
    for _ in range(2):
        answer = await capture.post("/v1/events?source=mailer", content=body, headers=NDJSON)
        for receipt in answer.json()["receipts"]:
            await settled(capture, receipt, "stitched")
    records = [orjson.loads(record.value) for record in await read_all(own, CAPTURED, 3)]
    changes = sorted((each["change"], each["reason"]) for each in records if "change" in each)
    assert changes == [("contactability", "mail.bounced"), ("promoted", "mail.replied")]
    assert {each["lead"]["lead_id"] for each in records} == {lead_id} and len(records) == 3
    behaved = [orjson.loads(record.value)["kind"] for record in await read_all(own, LEAD_EVENTS, 4)]
    assert sorted(behaved) == ["mail.bounced", "mail.replied", "page.viewed", "visitor.identified"]


async def test_a_page_may_tell_only_what_its_visitor_agreed_to(own: Servers, capture: httpx.AsyncClient) -> None:
    key = await browser_key(own, capture, PAGE)
    page = httpx.AsyncClient(base_url=str(capture.base_url), headers={"origin": PAGE, "user-agent": BROWSER})
    path = f"/v1/events?key={key}"
    at = datetime.now(UTC).isoformat()
    async with page:
        beacon = {"kind": "page.viewed", "id": "a", "at": at, "properties": {"url": f"{PAGE}/"}}
        told = await page.post(path, content=orjson.dumps(beacon), headers={"content-type": "text/plain;charset=UTF-8"})
        assert told.status_code == 202 and told.headers["access-control-allow-origin"] == PAGE
        receipt = told.json()["receipts"][0]
        named = {**beacon, "id": "b", "visitor_id": VISITOR}
        refusals = [
            (await page.post(path, json=named), 422, "consent_needed"),
            (await page.post(path, json=beacon, headers={"origin": "https://evil.example"}), 403, "origin_not_allowed"),
            (await page.post("/v1/events?key=ls_no_key", json=beacon), 401, "unauthenticated"),
            (await page.post("/v1/leads", json={"email": "a@b.example"}, headers={"authorization": f"Bearer {key}"}),
             403, "forbidden"),
            (await page.post(path, content=b"x" * 70_000, headers={"content-type": "text/plain"}), 413, "too_large"),
            (await page.post(path, json={**beacon, "properties": {"a": "x" * 40_000}}), 413, "event_too_large"),
        ]  # fmt: skip
        for answer, status, code in refusals:
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        agreed = await page.post(path, json={**named, "consent": True})
        assert agreed.status_code == 202
        preflight = await page.options(path, headers={"origin": "https://evil.example"})
        assert preflight.status_code == 403
    assert (await settled(capture, receipt, "anonymous"))["reason"] == "no_identifier"
    shown = await settled(capture, agreed.json()["receipt_id"], "anonymous")
    assert (shown["reason"], shown["source"]) == ("visitor_unknown", "shop")


async def test_the_snippet_is_served_to_anybody(capture: httpx.AsyncClient) -> None:
    served = await capture.get("/v1/snippet.js", headers={"authorization": ""})
    assert served.status_code == 200 and served.headers["content-type"].startswith("text/javascript")
    again = await capture.get("/v1/snippet.js", headers={"if-none-match": served.headers["etag"]})
    assert again.status_code == 304
