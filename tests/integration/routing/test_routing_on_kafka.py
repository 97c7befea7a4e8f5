"""Routing as processes on Apache Kafka: each lead once, fair turns over two members, redelivery changes nothing."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from services.routing.cli import members
from shared.contracts.events.routing import LeadRouted
from shared.contracts.topics import ROUTED, ROUTING_COMMANDS, RULES_PUBLISHED, SCORED
from tests.integration.routing.conftest import ADMIN, Routing, shares
from tests.support.process import free_port
from tests.support.routing import document, lead_id
from tests.support.topics import read_to_end, reset_group
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]


async def test_two_members_keep_the_turns_fair_and_a_redelivery_from_0_changes_nothing(routing: Routing) -> None:
    pair = [routing.member(n, LEADSTREAM_MAX_RECORDS="40") for n in (0, 1)]
    await asyncio.gather(*(member.ready() for member in pair))
    await routing.feed(range(500))
    first = await routing.routed(500)
    assert len(first) == 500
    assert sorted(shares(first).values()) == [166, 167, 167]

    async def both_worked() -> bool:
        return all([await member.metric("records_total") > 0 for member in pair])

    await eventually(both_worked, "both members had a part in it")
    await routing.feed(range(500, 700))
    before = await routing.routed(700)
    assert sorted(shares(before).values()) == [233, 233, 234]
    for member in pair:
        member.stop()

    await reset_group(routing.servers, "routing", [SCORED])
    await routing.member(2).ready()
    await routing.feed(range(700, 701))
    after = await routing.routed(701)
    assert len(after) == 701
    assert sorted(shares(after).values()) == [233, 234, 234]
    for data in after:
        LeadRouted.model_validate({**data, "lead": {**data["lead"], "address": {}}})


async def test_a_member_killed_in_mid_batch_costs_nobody_a_turn(routing: Routing) -> None:
    await routing.feed(range(300))
    first = routing.member(0, LEADSTREAM_MAX_RECORDS="50", LEADSTREAM_FAILPOINTS="after-store=exit:3")

    async def gone() -> bool:
        return not first.running

    await eventually(gone, "the first member has died between Postgres and Kafka", within=60)
    await routing.member(1).ready()
    found = await routing.routed(300)
    assert len(found) == 300
    assert sorted(shares(found).values()) == [100, 100, 100]


class Api:
    """Routing over HTTP with an admin's key."""

    def __init__(self, url: str) -> None:
        self.client = httpx.AsyncClient(base_url=url, timeout=10, headers={"Authorization": f"Bearer {ADMIN}"})

    async def done(self, method: str, path: str, body: dict[str, Any], status: int = 200, *, once: str = "") -> Any:
        headers = {"Idempotency-Key": once} if once else {}
        response = await self.client.request(method, path, json=body, headers=headers)
        assert response.status_code == status, response.text
        return response.json()

    async def get(self, path: str, status: int = 200) -> Any:
        response = await self.client.get(path)
        assert response.status_code == status, response.text
        return response.json()


async def test_queues_members_and_rules_over_http(routing: Routing) -> None:
    member = await routing.member(0).ready()
    await routing.feed(range(25), grade="D")
    await routing.routed(25)
    api = Api(member.url)
    async with api.client:
        await _pages(api)
        await _members(api)
        await _reassignment(api)
        await _rules(api)
        await _refusals(api)
    await asyncio.to_thread(_command_line, member.url)
    records = await read_to_end(routing.servers, ROUTED)
    assert len(records) == 26  # the reassignment, once
    assert len(await read_to_end(routing.servers, RULES_PUBLISHED)) == 1
    assert len(await read_to_end(routing.servers, ROUTING_COMMANDS)) == 8


async def _pages(api: Api) -> None:
    seen: list[str] = []
    path = "/v1/queues/marketing/leads?limit=10"
    while True:
        page = await api.get(path)
        seen += [item["lead_id"] for item in page["items"]]
        if page["next"] is None:
            break
        path = f"/v1/queues/marketing/leads?limit=10&cursor={page['next']}"
    assert sorted(seen) == sorted(lead_id(n) for n in range(25))
    item = (await api.get("/v1/queues/marketing/leads?limit=1"))["items"][0]
    assert (item["assignment"]["rule"], item["score"]["grade"]) == ("nurture", "D")
    assert (await api.get("/v1/queues/sales/leads"))["items"] == []


async def _members(api: Api) -> None:
    assert [item["member_id"] for item in (await api.get("/v1/members"))["items"]] == ["ann", "ben", "chris"]
    body = {"name": "Dora", "queues": ["sales", "marketing"]}
    assert (await api.done("PUT", "/v1/members/dora", body))["status"] == "done"
    expected = {"member_id": "dora", "name": "Dora", "active": True, "queues": ["sales", "marketing"]}
    assert await api.get("/v1/members/dora") == expected
    refused = await api.done("PUT", "/v1/members/dora", {**body, "queues": ["nowhere"]}, 409)
    assert (refused["status"], refused["reason"]) == ("refused", "unknown_queue")


async def _reassignment(api: Api) -> None:
    path, body = f"/v1/leads/{lead_id(3)}/reassign", {"owner": "dora", "reason": "she knows them"}
    first = await api.done("POST", path, body, once="once")
    again = await api.done("POST", path, body, once="once")
    assert first == again
    assert first["result"] == {"lead_id": lead_id(3), "owner": "dora", "queue": None, "assignment_version": 2}
    held = await api.get(f"/v1/leads/{lead_id(3).upper()}/assignment")
    assert (held["assignment"]["owner"], held["assignment_version"]) == ("dora", 2)
    assert len((await api.get("/v1/queues/marketing/leads?limit=200"))["items"]) == 24


async def _rules(api: Api) -> None:
    body = {"document": document("  - id: all\n    assign: {queue: sales}\n"), "author": "ann", "reason": "a test"}
    assert (await api.done("POST", "/v1/rules/assignment", body))["result"]["version"] == 2
    versions = (await api.get("/v1/rules/assignment"))["versions"]
    assert [(row["version"], row["active"]) for row in versions] == [(2, True), (1, False)]
    broken = await api.done(
        "POST", "/v1/rules/assignment", {**body, "document": "kind: assignment\nqueues: {a: {}}"}, 409
    )
    assert broken["reason"] == "invalid_rules"
    assert "assignment.yaml:1:1 default: expected a default queue" in broken["result"]["detail"]


async def _refusals(api: Api) -> None:
    for path in (
        "/v1/leads/not-an-id/assignment",
        f"/v1/leads/{lead_id('nobody')}/assignment",
        "/v1/queues/nowhere/leads",
        "/v1/queues/%00/leads",
        "/v1/members/nobody",
        "/v1/members/%00",
        "/v1/rules/scoring",
    ):
        assert (await api.get(path, 404))["code"] == "not_found"
    for cursor in ("x", "YQ==", "MjAyNi0wMS0wMXxh", "%00", "é"):
        problem = await api.get(f"/v1/queues/sales/leads?cursor={cursor}", 422)
        assert (problem["code"], problem["field"]) == ("invalid_cursor", "cursor")
    assert (await api.get("/v1/queues/sales/leads?limit=201", 422))["field"] == "limit"
    assert (await api.done("POST", f"/v1/leads/{lead_id(1)}/reassign", {"owner": "ann"}, 422))["field"] == "reason"
    anonymous = await api.client.get("/v1/members", headers={"Authorization": ""})
    assert anonymous.status_code == 401


def _command_line(url: str) -> None:
    env = {"LEADSTREAM_ROUTING_URL": url, "LEADSTREAM_ADMIN_KEY": ADMIN}
    runner = CliRunner()
    done = runner.invoke(members, ["set", "eve", "--name", "Eve", "--queue", "sales", "--inactive"], env=env)
    assert (done.exit_code, done.output) == (0, "eve is inactive in sales\n")
    listed = runner.invoke(members, ["list", "--json"], env=env)
    eve = {"member_id": "eve", "name": "Eve", "active": False, "queues": ["sales"]}
    assert json.loads(listed.output)[-1] == eve
    refused = runner.invoke(members, ["set", "eve", "--name", "Eve", "--queue", "nowhere"], env=env)
    assert refused.exit_code == 1
    assert "unknown_queue: declared queues:" in refused.output
    stranger = runner.invoke(members, ["list"], env={**env, "LEADSTREAM_ADMIN_KEY": "wrong"})
    assert (stranger.exit_code, "unauthenticated" in stranger.output) == (1, True)
    nobody = runner.invoke(members, ["list"], env={**env, "LEADSTREAM_ROUTING_URL": f"http://127.0.0.1:{free_port()}"})
    assert (nobody.exit_code, "does not answer" in nobody.output) == (3, True)
    assert runner.invoke(members, ["list"], env={**env, "LEADSTREAM_ROUTING_URL": ""}).exit_code == 3
