"""Conversion's HTTP: reads, changes as commands, and what is refused."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from services.conversion.domain.converting import opportunity_id_of
from shared.contracts import ids
from shared.contracts.topics import ROUTED
from tests.support.conversion import lead, lead_id, migrated, routed
from tests.support.process import ServiceProcess
from tests.support.stack import Servers
from tests.support.topics import envelope, produce
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]
NOBODY = ids.derive(ids.LEADS, "nobody")


async def pages(client: httpx.AsyncClient) -> list[str]:
    """Every opportunity, three a page."""
    found: list[str] = []
    query: dict[str, Any] = {"limit": 3}
    while True:
        page = (await client.get("/v1/opportunities", params=query)).json()
        found += [item["opportunity_id"] for item in page["items"]]
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


async def test_read_change_publish_and_what_is_refused(own: Servers, tmp_path: Path) -> None:
    await migrated(own.postgres)
    company = lead(1)["company"]
    records = [(lead_id(n).encode(), routed(n, company=company), envelope("lead.routed", n, "")) for n in range(8)]
    await produce(own, ROUTED, records)
    env = {**own.environment(), "LEADSTREAM_ADMIN_KEY": "ls_admin", "LEADSTREAM_SOURCE_KEY": "ls_source"}
    async with (
        ServiceProcess("services.conversion.main", env, tmp_path / "log") as process,
        httpx.AsyncClient(base_url=process.url, headers={"Authorization": "Bearer ls_admin"}, timeout=10) as client,
    ):
        await process.start().ready()

        async def all_converted() -> bool:
            return len((await client.get("/v1/opportunities")).json()["items"]) == 8

        await eventually(all_converted, "eight opportunities")
        assert sorted(await pages(client)) == sorted(opportunity_id_of(lead_id(n)) for n in range(8))
        await _reads(client)
        await _changes(client)
        await _refusals(client)
        process.stop()


async def _reads(client: httpx.AsyncClient) -> None:
    key = opportunity_id_of(lead_id(1))
    one = (await client.get(f"/v1/opportunities/{key.upper()}")).json()
    assert (one["amount"], one["expected_revenue"], one["stage"]) == ("50000.50", "5000.05", "Prospecting")
    assert one["conversion"]["lead_snapshot"] == lead(1)
    account = (await client.get(f"/v1/accounts/{one['account_id']}")).json()
    assert account["name"] == "Company 1 Inc" and len(account["contacts"]) == len(account["opportunities"]) == 8
    contact = (await client.get(f"/v1/contacts/{one['contact_id']}")).json()
    assert (contact["email"], contact["account_id"]) == (lead(1)["email"], one["account_id"])
    of_account = await client.get("/v1/opportunities", params={"account_id": one["account_id"]})
    assert len(of_account.json()["items"]) == 8
    (gate,) = (await client.get("/v1/rules/gate")).json()["versions"]
    assert (gate["version"], gate["author"], gate["active"]) == (1, "leadstream", True)
    assert "min_score: 60" in gate["document"]


async def _changes(client: httpx.AsyncClient) -> None:
    change = f"/v1/opportunities/{opportunity_id_of(lead_id(1))}/change"
    again = {"Idempotency-Key": "k1"}
    done = await client.post(change, json={"stage": "Closed Won", "amount": "60000"}, headers=again)
    assert done.status_code == 200 and done.json()["result"]["opportunity_version"] == 2
    assert (
        await client.post(change, json={"stage": "Closed Won", "amount": "60000"}, headers=again)
    ).json() == done.json()
    refused = await client.post(change, json={"stage": "Closed Lost"})
    assert (refused.status_code, refused.json()["reason"]) == (409, "stage_not_allowed")
    publish = {"document": "kind: gate\nname: open\n", "author": "Ann", "reason": "a test"}
    assert (await client.post("/v1/rules/gate", json=publish)).json()["result"]["version"] == 2
    versions = (await client.get("/v1/rules/gate")).json()["versions"]
    assert [(version["version"], version["active"]) for version in versions] == [(2, True), (1, False)]
    broken = await client.post("/v1/rules/gate", json={**publish, "document": "kind: gate\nsecret: 1\n"})
    assert broken.json()["reason"] == "invalid_rules" and "gate.yaml:2:1" in broken.json()["result"]["detail"]
    unknown = await client.post(f"/v1/leads/{NOBODY}/convert")
    assert (unknown.status_code, unknown.json()["reason"]) == (409, "unknown_lead")


async def _refusals(client: httpx.AsyncClient) -> None:
    key = opportunity_id_of(lead_id(1))
    for path in ("opportunities/x", f"opportunities/{NOBODY}", f"accounts/{NOBODY}", f"contacts/{NOBODY}", "rules/x"):
        response = await client.get(f"/v1/{path}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found"), path
    for query in ({"limit": 201}, {"limit": 0}, {"cursor": "x"}, {"cursor": "MjAyNnw="}):
        assert (await client.get("/v1/opportunities", params=query)).status_code == 422, query
    assert (await client.post("/v1/leads/x/convert")).status_code == 404
    for body in ({"amount": 5}, {"worth": "5"}, {"currency": "EURO"}):
        response = await client.post(f"/v1/leads/{lead_id(1)}/convert", json=body)
        assert response.status_code == 422 and "EURO" not in response.text, body
    assert (await client.get("/v1/opportunities", headers={"Authorization": ""})).status_code == 401
    source = {"Authorization": "Bearer ls_source"}
    assert (await client.get(f"/v1/opportunities/{key}", headers=source)).status_code == 403
    assert (await client.post(f"/v1/leads/{lead_id(1)}/convert", headers=source)).status_code == 403
