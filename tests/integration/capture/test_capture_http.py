"""The HTTP intake: every answer a problem body or a receipt, nothing lost, never a 500."""

import asyncio
import gzip
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from services.capture.commands.loadgen import Load
from services.capture.commands.made_up import made_up_leads
from tests.support.capture import ADMIN_KEY, RECEIPTS, SOURCE_KEY, until
from tests.support.stack import Servers

pytestmark = [pytest.mark.stack, pytest.mark.processes]

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
SECRET_VALUE = "do-not-echo-this"


async def settled(client: httpx.AsyncClient, receipt_id: str) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        answer = await client.get(f"/v1/receipts/{receipt_id}")
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body if body["status"] != "accepted" else None

    found: dict[str, Any] = await until(look, f"receipt {receipt_id} is settled")
    return found


BAD: list[tuple[bytes, dict[str, str], int, str]] = [
    (b"", JSON, 400, "invalid_json"),
    (b"[]", JSON, 400, "not_an_object"),
    (b"null", JSON, 400, "not_an_object"),
    (b'"x"', JSON, 400, "not_an_object"),
    (b'{"email":', JSON, 400, "invalid_json"),
    (b'{"email":"do-not-echo-this","a":Infinity}', JSON, 400, "invalid_json"),
    (b"[" * 100_000, JSON, 400, "too_deep"),
    (b'{"a":' * 40 + b"1" + b"}" * 40, JSON, 400, "too_deep"),
    (b'{"email":"a@b.com","email":"do-not-echo-this"}', JSON, 400, "duplicate_keys"),
    (orjson.dumps({f"k{n}": 1 for n in range(201)}), JSON, 400, "too_many_fields"),
    (orjson.dumps({"k" * 129: 1}), JSON, 400, "key_too_long"),
    (b'{"first_name":"do-not-echo-this"}', JSON, 422, "no_identifier"),
    (b'{"email":"do-not-echo-this"}', JSON, 422, "invalid_email"),
    (b'{"email":"a@b.com","first_name":"do-not\\u0000-echo"}', JSON, 422, "invalid_characters"),
    (b'{"email":"a@b.com","first_name":"\\ud800"}', JSON, 422, "invalid_characters"),
    (b'{"email":"a@b.com","company":{"employees":"250"}}', JSON, 422, "invalid_type"),
    (b'{"email":"a@b.com","company":{"employees":1e309}}', JSON, 400, "invalid_json"),
    (b'{"email":"a@b.com","company":{"employees":true}}', JSON, 422, "invalid_type"),
    (orjson.dumps({"email": "a@b.com", "first_name": "x" * 10_000}), JSON, 422, "too_long"),
    (b"email=%ff", FORM, 400, "invalid_form"),
    (b"last_name=Lee", FORM, 422, "no_identifier"),
    (b"\xff\xfe", JSON, 400, "invalid_json"),
    (b'{"email":"do@not.echo"}', {}, 415, "unsupported_content_type"),
    (b'{"email":"do@not.echo"}', {"content-type": "text/plain"}, 415, "unsupported_content_type"),
    (b"{}", {"content-type": "multipart/form-data; boundary=x"}, 415, "unsupported_content_type"),
    (b"{}", {"content-type": "application/json; charset=utf-16"}, 415, "unsupported_content_type"),
    (b"{}", {"content-type": f"application/json; {'x' * 200}; charset=utf-16"}, 415, "unsupported_content_type"),
]
REFUSED_UNSTORED: list[tuple[bytes, dict[str, str], int, str]] = [
    (b"x" * 262_145, JSON, 413, "too_large"),
    (gzip.compress(b" " * 50_000_000), {**JSON, "content-encoding": "gzip"}, 413, "too_large"),
    (b"no gzip", {**JSON, "content-encoding": "gzip"}, 400, "invalid_encoding"),
    (gzip.compress(b"{}")[:-4], {**JSON, "content-encoding": "gzip"}, 400, "invalid_encoding"),
    (b"{}", {**JSON, "content-encoding": "br"}, 415, "unsupported_encoding"),
    (b"{}", {**JSON, "idempotency-key": "x" * 300}, 400, "invalid_idempotency_key"),
    (b"{}", {**JSON, "x-lead-source": "x" * 200}, 400, "invalid_source"),
]


async def test_bad_input_has_a_code_and_what_was_stored_has_a_receipt(capture: httpx.AsyncClient, own: Servers) -> None:
    receipts = {}
    for body, headers, status, code in BAD:
        answer = await capture.post("/v1/leads", content=body, headers=headers)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (status, code), (body[:60], answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert "echo" not in answer.text
        receipts[problem["receipt_id"]] = code
    for body, headers, status, code in REFUSED_UNSTORED:
        answer = await capture.post("/v1/leads", content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code), (headers, answer.text)
        assert "receipt_id" not in answer.json()
    for receipt_id, code in receipts.items():
        found = await settled(capture, receipt_id)
        assert (found["status"], found["reason"]) == ("rejected", code)
    assert await count(own) == len(BAD)


async def count(own: Servers) -> int:
    connection = await asyncpg.connect(own.postgres)
    try:
        found: int = await connection.fetchval(f"SELECT count(*) FROM ({RECEIPTS}) AS r")
    finally:
        await connection.close()
    return found


async def test_a_load_of_made_up_leads_is_taken(capture: httpx.AsyncClient, own: Servers) -> None:
    leads = made_up_leads(1, "load")
    load = Load(capture, leads, 300, lambda done, note: None)
    tally = (await load.run(1.0)).as_dict()
    assert tally["accepted"] == tally["due"] >= 270 and tally["given_up"] == tally["rejected"] == 0

    async def all_settled() -> bool:
        return bool(await count(own) == tally["due"])

    await until(all_settled, "every lead has its receipt")


async def test_a_lead_goes_in_and_its_receipt_shows_where_it_is(capture: httpx.AsyncClient) -> None:
    answer = await capture.post("/v1/leads", json={"email": "ann@example.com", "source": "website"})
    assert answer.status_code == 202
    first = await settled(capture, answer.json()["receipt_id"])
    assert (first["status"], first["source"]) == ("new", "website")
    form = await capture.post("/v1/leads?source=fair", data={"email": "Ann@Example.com", "last_name": "Lee"})
    second = await settled(capture, form.json()["receipt_id"])
    assert (second["status"], second["reason"], second["lead_id"]) == ("merged", "email", first["lead_id"])
    assert second["source"] == "fair"
    zipped = gzip.compress(b"\xef\xbb\xbf" + orjson.dumps({"email": "bob@example.com", "test": True}))
    answer = await capture.post("/v1/leads", content=zipped, headers={**JSON, "content-encoding": "gzip"})
    assert (await settled(capture, answer.json()["receipt_id"]))["status"] == "test"
    flagged = await capture.post("/v1/leads", json={"email": "c@example.com"}, headers={"ls-test": "1"})
    assert (await settled(capture, flagged.json()["receipt_id"]))["status"] == "test"


async def test_unknown_receipts_and_callers(capture: httpx.AsyncClient) -> None:
    answer = await capture.post("/v1/leads", json={"email": "ann@example.com"})
    known = answer.json()["receipt_id"]
    for forged in (known[:-1] + ("0" if known[-1] != "0" else "1"), "x", "0" * 48):
        assert (await capture.get(f"/v1/receipts/{forged}")).status_code == 404
    body = {"email": "a@b.com"}
    assert (await capture.post("/v1/leads", json=body, headers={"authorization": "Bearer no"})).status_code == 401
    assert (await capture.get(f"/v1/receipts/{known}", headers={"authorization": ""})).status_code == 401
    assert (await capture.post(f"/v1/leads/{known}/merge", json={})).status_code == 403
    admin = {"authorization": f"Bearer {ADMIN_KEY}"}
    assert (await capture.get(f"/v1/receipts/{known}", headers=admin)).status_code == 200
    assert (await capture.post("/v1/leads/nobody/merge", json={}, headers=admin)).status_code in (404, 422)


async def test_an_idempotency_key_gives_one_receipt_and_one_lead(capture: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "order-7"}
    first = await capture.post("/v1/leads?source=shop", json={"email": "ann@example.com"}, headers=key)
    again = await capture.post("/v1/leads?source=shop", json={"email": "ann@example.com"}, headers=key)
    other = await capture.post("/v1/leads?source=shop", json={"email": "bob@example.com"}, headers=key)
    elsewhere = await capture.post("/v1/leads?source=ads", json={"email": "bob@example.com"}, headers=key)
    receipt_id = first.json()["receipt_id"]
    assert (first.status_code, again.status_code, again.json()["receipt_id"]) == (202, 202, receipt_id)
    assert (other.status_code, other.json()["code"], other.json()["receipt_id"]) == (409, "id_conflict", receipt_id)
    assert (elsewhere.status_code, elsewhere.json()["receipt_id"] != receipt_id) == (202, True)

    async def all_three() -> dict[str, Any] | None:
        found = (await capture.get("/v1/receipts", params={"source": "shop", "id": "order-7"})).json()
        return found if len(found.get("repeats", ())) == 2 else None

    found = await until(all_three, "all three records are settled")
    assert (found["receipt_id"], found["status"]) == (receipt_id, "new")
    assert {(r["status"], r["reason"]) for r in found["repeats"]} == {
        ("merged", "repeated_event"),
        ("rejected", "id_conflict"),
    }


async def test_a_batch_answers_line_by_line(capture: httpx.AsyncClient, own: Servers) -> None:
    lines = [
        b'{"email":"a@example.com"}',
        b"",
        b"{",
        b'{"first_name":"x"}\r',
        b'{"email":"b@example.com","source":"ads"}',
    ]
    lines.append(b'{"message":"' + b"x" * 270_000 + b'"}')
    kind = {"content-type": "application/x-ndjson"}
    answer = await capture.post("/v1/leads/batch", content=b"\n".join(lines), headers=kind)
    body = answer.json()
    assert (answer.status_code, body["accepted"], len(body["receipts"])) == (202, 2, 2)
    assert [(r["line"], r["code"], r["receipt_id"] is None) for r in body["rejected"]] == [
        (3, "invalid_json", False),
        (4, "no_identifier", False),
        (6, "too_large", True),
    ]
    for receipt_id in body["receipts"]:
        assert (await settled(capture, receipt_id))["status"] == "new"
    assert (await settled(capture, body["rejected"][0]["receipt_id"]))["reason"] == "invalid_json"
    many = b'{"email":"a@example.com"}\n' * 2001
    for content, headers, status, code in [
        (many, kind, 413, "too_many_lines"),
        (b"\n \n", kind, 400, "empty_batch"),
        (b"{}", JSON, 415, "unsupported_content_type"),
    ]:
        answer = await capture.post("/v1/leads/batch", content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await count(own) == 4


async def test_a_slow_body_is_given_up_and_a_chunked_one_is_measured(capture: httpx.AsyncClient) -> None:
    reader, writer = await asyncio.open_connection(capture.base_url.host, capture.base_url.port)
    head = f"POST /v1/leads HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SOURCE_KEY}\r\nContent-Type: application/json\r\n"
    writer.write(head.encode() + b"Content-Length: 100\r\n\r\n{")
    async with asyncio.timeout(10):
        status = await reader.readline()
    writer.close()
    assert b"408" in status

    async def endless() -> Any:
        for _ in range(100):
            yield b"x" * 10_000

    answer = await capture.post("/v1/leads", content=endless(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_methods_and_paths_that_do_not_exist_are_problems(capture: httpx.AsyncClient) -> None:
    for method, path, status in [
        ("GET", "/v1/leads", 405),
        ("POST", "/v1/nothing", 404),
        ("PUT", "/v1/leads/batch", 405),
    ]:
        answer = await capture.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


async def test_a_trapped_form_waits_and_is_released_by_who_may(capture: httpx.AsyncClient) -> None:
    fields = (await capture.get("/v1/forms/token")).json()
    form = {"email": "bot@example.com", fields["field"]: fields["token"], fields["honeypot"]: "x"}
    receipt = (await capture.post("/v1/leads", data=form)).json()["receipt_id"]
    waiting = await settled(capture, receipt)
    assert (waiting["status"], waiting["reasons"]) == ("quarantined", ["honeypot", "too_fast"])
    assert (await capture.get(f"/v1/quarantine/{receipt}")).status_code == 403
    assert (await capture.post(f"/v1/quarantine/{receipt}/release", json={"note": "x"})).status_code == 403
    admin = {"authorization": f"Bearer {ADMIN_KEY}"}
    (listed,) = (await capture.get("/v1/quarantine", headers=admin)).json()["quarantine"]
    assert (listed["receipt_id"], listed["state"], "value" in listed) == (receipt, "held", False)
    shown = (await capture.get(f"/v1/quarantine/{receipt}", headers=admin)).json()
    assert "bot%40example.com" in shown["value"]
    release = f"/v1/quarantine/{receipt}/release"
    assert (await capture.post(release, json={}, headers=admin)).status_code == 422
    answer = await capture.post(release, json={"note": "she is real"}, headers=admin)
    assert answer.status_code in (200, 202), answer.text

    async def released() -> bool:
        return bool((await settled(capture, receipt))["status"] == "new")

    await until(released, "the released submission is a lead")
    again = await capture.post(release, json={"note": "again"}, headers=admin)
    assert (again.status_code, again.json()["reason"]) in ((409, "already_settled"), (202, None))
    unknown = receipt[:-1] + ("0" if receipt[-1] != "0" else "1")
    assert (await capture.get(f"/v1/quarantine/{unknown}", headers=admin)).status_code == 404
