"""Reporting over HTTP on real Postgres: shapes, pages, roles, and what is refused."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from services.reporting.main import build_app
from services.reporting.settings import ReportingSettings
from shared.contracts.events.platform import AccessGranted
from shared.persistence.database import Database
from shared.runtime.access import secret_hash
from tests.support.reporting import Stream, instant, lead_id, store

ADMIN, VIEWER, SOURCE = "ls_a_1", "ls_b_2", "ls_c_3"


@pytest.fixture
async def app(dsn: str, database: Database) -> AsyncIterator[FastAPI]:
    app = build_app(ReportingSettings(postgres_dsn=SecretStr(dsn), admin_key=SecretStr(ADMIN)))
    for key, role in ((VIEWER, "viewer"), (SOURCE, "source")):
        granted = {"key_id": key.split("_")[1], "secret_hash": secret_hash(key), "role": role, "granted_at": instant()}
        app.state.service.access.apply(AccessGranted.model_validate(granted))
    yield app
    await app.state.service.database.dispose()


def client(app: FastAPI, key: str | None = ADMIN) -> httpx.AsyncClient:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test", headers=headers)


async def a_few_leads(database: Database, leads: int = 5) -> Stream:
    stream = Stream()
    for n in range(leads):
        inbound = stream.inbound("ads" if n % 2 else "website")
        await store(database, [inbound, stream.captured(inbound, n, time=instant(second=n)), stream.scored(inbound, n)])
    return stream


async def test_pages_of_leads_hold_every_lead_once(app: FastAPI, database: Database) -> None:
    await a_few_leads(database)
    seen, cursor = [], None
    async with client(app) as http:
        while True:
            page = (await http.get("/v1/leads", params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
            seen += [lead["lead_id"] for lead in page["leads"]]
            if (cursor := page["next_cursor"]) is None:
                break
    assert seen == [lead_id(n) for n in (4, 3, 2, 1, 0)]


@pytest.mark.parametrize("path", ["/v1/leads", "/v1/leads/{id}", "/v1/leads/{id}/timeline"])
async def test_a_viewer_sees_no_personal_data(app: FastAPI, database: Database, path: str) -> None:
    await a_few_leads(database, 1)
    asked = path.format(id=lead_id(0))
    async with client(app) as admin, client(app, VIEWER) as viewer:
        assert "person0@example.com" in (await admin.get(asked)).text
        seen = (await viewer.get(asked)).text
    assert "***" in seen
    for private in ("person0", "Lee0", "+1415", "Call me", "Main St", "Tx9", "Example Corp"):
        assert private not in seen


async def test_a_dead_letters_value_is_for_admins(app: FastAPI, database: Database) -> None:
    stream = await a_few_leads(database, 1)
    inbound = stream.inbound()._replace(value=b'{"email": "x@example.com"}', source="ads")
    await store(database, [inbound, stream.dead_letter(inbound), stream.rejected(stream.inbound())])
    async with client(app) as admin, client(app, VIEWER) as viewer:
        found = (await admin.get("/v1/dead-letters", params={"service": "capture", "kind": "dead_letter"})).json()
        (row,) = found["dead_letters"]
        assert (row["reason"], row["place"], row["source"], row["offset"]) == (
            "processing_failed",
            "email",
            "ads",
            inbound.offset,
        )
        shown = (await admin.get(f"/v1/dead-letters/{row['id']}")).json()
        assert shown["value"] == '{"email": "x@example.com"}' and shown["value_encoding"] == "utf-8"
        masked = (await viewer.get(f"/v1/dead-letters/{row['id']}")).json()
        assert masked["value"] is None and masked["value_encoding"] == "masked"
        for wanted, many in (
            ({"source": "ads"}, 1),
            ({"reason": "no_identity"}, 1),
            ({"to": "2020-01-01T00:00:00Z"}, 0),
        ):
            assert len((await admin.get("/v1/dead-letters", params=wanted)).json()["dead_letters"]) == many
        pages = (await admin.get("/v1/dead-letters", params={"limit": 1})).json()
        rest = (await admin.get("/v1/dead-letters", params={"cursor": pages["next_cursor"]})).json()
        assert len(rest["dead_letters"]) == 1


async def test_the_funnel_by_everything(app: FastAPI, database: Database) -> None:
    await a_few_leads(database)
    async with client(app, VIEWER) as http:
        by = {by: (await http.get("/v1/reports/funnel", params={"by": by})).json() for by in ("day", "source", "stage")}
        cohort = (await http.get("/v1/reports/funnel", params={"by": "source", "mode": "cohort"})).json()
        none = (await http.get("/v1/reports/funnel", params={"by": "day", "to": "2020-01-01"})).json()
        assert (await http.get("/v1/reports/funnel/recount")).json()["reconciles"] is True
    assert by["day"]["rows"][0]["captured"] == 5 and by["day"]["columns"][:2] == ["day", "received"]
    assert [(row["source"], row["scored"]) for row in by["source"]["rows"]] == [("ads", 2), ("website", 3)]
    assert by["source"]["rows"] == cohort["rows"] and none["rows"] == []


async def test_a_ledger_that_is_not_caught_up_is_not_called_balanced(app: FastAPI, database: Database) -> None:
    await a_few_leads(database)
    async with client(app) as http:
        ledger = (await http.get("/v1/ledger", params={"recount": True})).json()
    assert (ledger["caught_up"], ledger["balanced"], ledger["recount"]) == (False, False, [])
    assert [(s["source"], s["received"], s["new"]) for s in ledger["sources"]] == [("ads", 2, 2), ("website", 3, 3)]
    assert [s["waiting"] for s in ledger["stages"]] == [0, 5]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/leads/none", 404, "not_found"),
        ("/v1/leads/00000000-0000-0000-0000-000000000000", 404, "not_found"),
        ("/v1/leads/00000000-0000-0000-0000-000000000000/timeline", 404, "not_found"),
        ("/v1/dead-letters/none", 404, "not_found"),
        ("/v1/dead-letters/00000000-0000-0000-0000-000000000000", 404, "not_found"),
        ("/v1/dead-letters?reason=%00", 200, None),
        ("/v1/dead-letters?from=yesterday", 422, None),
        ("/v1/dead-letters?from=0001-01-01T00:00:00%2B14:00", 422, "invalid_time"),
        ("/v1/dead-letters?cursor=%00", 422, "invalid_cursor"),
        ("/v1/leads?cursor=abc", 422, "invalid_cursor"),
        ("/v1/leads?cursor=%C3%A9", 422, "invalid_cursor"),
        ("/v1/leads?limit=201", 422, None),
        ("/v1/reports/funnel?by=owner", 422, None),
        ("/v1/reports/none", 404, "unknown_report"),
        ("/v1/ledger?limit=0", 422, None),
    ],
)
async def test_what_cannot_be_answered_is_a_problem(app: FastAPI, path: str, status: int, code: str | None) -> None:
    async with client(app) as http:
        answer = await http.get(path)
    assert answer.status_code == status, answer.text
    if code is not None:
        assert answer.json()["code"] == code and answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1/leads", "/v1/ledger", "/v1/reports/funnel", "/v1/dead-letters", "/v1/keys"])
async def test_who_may_not_is_refused(app: FastAPI, path: str) -> None:
    async with client(app, None) as nobody, client(app, SOURCE) as source, client(app, VIEWER) as viewer:
        assert (await nobody.get(path)).status_code == 401
        assert (await source.get(path)).status_code == 403
        assert (await viewer.get(path)).status_code == (403 if path == "/v1/keys" else 200)
        assert (await viewer.post("/v1/keys", json={})).status_code == 403
        assert (await viewer.delete("/v1/keys/0123")).status_code == 403


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "key_id"),
        ({"key_id": "x_y", "secret_hash": "0" * 64, "role": "viewer"}, "key_id"),
        ({"key_id": "0123456789ab", "secret_hash": "secret", "role": "viewer"}, "secret_hash"),
        ({"key_id": "0123456789ab", "secret_hash": "0" * 64, "role": "owner"}, "role"),
        ({"key_id": "0123456789ab", "secret_hash": "0" * 64, "role": "viewer", "source": "ads"}, "source"),
        ({"key_id": "0123456789ab", "secret_hash": "0" * 64, "role": "viewer", "secret": "s"}, "secret"),
    ],
)
async def test_a_key_that_cannot_be_is_refused_by_field(app: FastAPI, body: dict[str, str], named: str) -> None:
    async with client(app) as http:
        answer = await http.post("/v1/keys", json=body)
    assert answer.status_code == 422 and answer.json()["field"] == named


async def test_an_outage_of_the_database_is_a_503(dsn: str) -> None:
    nowhere = "postgresql://leadstream@127.0.0.1:1/none"
    app = build_app(ReportingSettings(postgres_dsn=SecretStr(nowhere), admin_key=SecretStr(ADMIN)))
    async with client(app) as http:
        answer = await http.get("/v1/ledger")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
