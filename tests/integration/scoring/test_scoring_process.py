"""Scoring as a process on real Kafka: captured to scored, rules live by command, redelivery from offset 0."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from typer.testing import CliRunner

from services.cli.rules import rules_app
from services.scoring.domain.model import load_scoring_model
from shared.contracts import ids
from shared.contracts.events.scoring import LeadScored
from shared.contracts.topics import CAPTURED, COMMANDS_COMPLETED, MERGED, RULES_PUBLISHED, SCORED
from tests.support import http
from tests.support.process import ServiceProcess
from tests.support.scoring import captured, create_schema, lead_id, merged
from tests.support.stack import Servers
from tests.support.topics import envelope, produce, read_to_end, reset_group
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]

KEY = "an-admin-key-of-this-test"
BROKEN = (
    "kind: scoring\nrules:\n  - {id: a, points: 1\n",
    "kind: scoring\nrules: [{id: a, points: 1, when: {field: titel, eq: x}}]\n",
    "kind: scoring\nrules: [{id: a, points: 1, when: {field: title, equals: x}}]\n",
    "kind: scoring\ngrades: {A: 25, B: 50, C: 75}\nrules: []\n",
    "kind: scoring\nrules: [{id: a, points: 1, when: {field: touch_count, gte: '4'}}]\n",
)
TEN = "kind: scoring\nname: ten\nrules: [{id: ten, points: 10}]\n"


@pytest.fixture
async def scoring(own: Servers, tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    await create_schema(own.postgres)
    env = {**own.environment(), "LEADSTREAM_ADMIN_KEY": KEY, "LEADSTREAM_SESSION_TIMEOUT_MS": "6000"}
    async with ServiceProcess("services.scoring.main", env, tmp_path / "scoring.log") as process:
        yield await process.start().ready()


async def feed(servers: Servers, numbers: Sequence[int], version: int = 1) -> None:
    records = [
        (lead_id(n).encode(), captured(n, version), envelope("lead.captured", f"{n}/{version}", lead_id(n)))
        for n in numbers
    ]
    await produce(servers, CAPTURED, records)


async def scored(servers: Servers, count: int) -> list[tuple[str, dict[str, Any]]]:
    """(event id, data) of everything a downstream reader sees, once there is that much; each keeps the contract."""

    async def enough() -> list[Any] | None:
        records = await read_to_end(servers, SCORED)
        return records if len(records) >= count else None

    records = await eventually(enough, f"{count} scored leads", within=40, every=0.2) or []
    for record in records:
        LeadScored.model_validate_json(record.value or b"", strict=True)
        assert dict(record.headers)["ce_type"] == b"lead.scored"
    return [(dict(record.headers)["ce_id"].decode(), orjson.loads(record.value or b"")) for record in records]


def client(process: ServiceProcess, key: str = KEY) -> httpx.AsyncClient:
    return http.client(process.url, headers={"Authorization": f"Bearer {key}"}, timeout=5)


async def table(servers: Servers) -> list[Any]:
    connection = await asyncpg.connect(servers.postgres)
    try:
        rows = await connection.fetch("SELECT * FROM scoring.lead_scores ORDER BY lead_id")
        return [dict(row) for row in rows]
    finally:
        await connection.close()


async def test_captured_leads_are_scored_and_a_published_model_is_live(own: Servers, scoring: ServiceProcess) -> None:
    await feed(own, range(50))
    before = await scored(own, 50)
    assert {data["lead"]["lead_id"] for _, data in before} == {lead_id(n) for n in range(50)}
    async with client(scoring) as http:
        body = {"document": TEN, "author": "Ann", "reason": "a test"}
        published = await http.post("/v1/rules/scoring", json=body, headers={"Idempotency-Key": "once"})
        assert (published.status_code, published.json()["result"]["version"]) == (200, 2), published.text
        again = await http.post("/v1/rules/scoring", json=body, headers={"Idempotency-Key": "once"})
        assert again.json() == published.json()
        history = (await http.get("/v1/rules/scoring")).json()["versions"]
        assert [(v["version"], v["name"], v["active"]) for v in history] == [(2, "ten", True), (1, "b2b", False)]
    await feed(own, range(25, 75), version=2)
    after = (await scored(own, 100))[-100:]
    assert {data["score"]["rules"]["version"] for _, data in after if data["lead_version"] == 2} == {2}
    assert {data["score"]["value"] for _, data in after if data["lead_version"] == 2} == {10}
    assert {data["score"]["rules"]["version"] for _, data in after if data["lead_version"] == 1} == {1}
    assert await scoring.metric("leads_scored_total") == 100
    async with client(scoring) as http:
        info = [line for line in (await http.get("/metrics")).text.splitlines() if 'rules_info{kind="scoring"' in line]
    assert info == ['rules_info{kind="scoring",version="2"} 1.0']  # that of the version before is gone
    (announced,) = await read_to_end(own, RULES_PUBLISHED)
    assert orjson.loads(announced.value or b"")["document"] == TEN
    assert len(await read_to_end(own, COMMANDS_COMPLETED)) == 1


async def test_redelivery_from_offset_0_changes_nothing(own: Servers, scoring: ServiceProcess) -> None:
    await feed(own, range(40))
    await feed(own, range(40), version=2)
    await scored(own, 80)
    async with client(scoring) as http:
        await http.post("/v1/rules/scoring", json={"document": TEN, "author": "Ann", "reason": "a test"})
    before, rows = dict(await scored(own, 80)), await table(own)
    scoring.stop()
    await reset_group(own, "scoring", [CAPTURED])
    await scoring.start().ready()
    await feed(own, [99])  # what is behind it in the log has been seen again once this comes out
    after = await scored(own, 81)
    assert len(after) == 81
    assert {i: data for i, data in after if data["lead"]["lead_id"] != lead_id(99)} == before
    assert [row for row in await table(own) if str(row["lead_id"]) != lead_id(99)] == rows


async def test_the_score_of_a_lead_and_why_over_http(own: Servers, scoring: ServiceProcess) -> None:
    await feed(own, [1, 2])
    await scored(own, 2)
    record = (lead_id(1).encode(), merged(1, 2, 2, title="CEO"), envelope("lead.merged", 1, lead_id(1)))
    await produce(own, MERGED, [record])
    await scored(own, 3)
    async with client(scoring) as http:
        one = await http.get(f"/v1/leads/{lead_id(1)}/score")
        two = await http.get(f"/v1/leads/{lead_id(2).upper()}/score")
        assert one.status_code == 200 and one.json() == two.json()
        answer = one.json()
        assert (answer["lead_id"], answer["lead_version"], answer["score_version"]) == (lead_id(1), 2, 2)
        assert (
            sum(c["points"] for c in answer["score"]["contributions"]) + answer["score"]["clamp"]
            == (answer["score"]["value"])
        )
        for missing in (ids.new_id(), "nonsense", "1' OR '1'='1"):
            nothing = await http.get(f"/v1/leads/{missing}/score")
            assert (nothing.status_code, nothing.json()["code"]) == (404, "not_found")
            assert nothing.headers["content-type"] == "application/problem+json"
    async with client(scoring, "wrong") as stranger:
        assert (await stranger.get(f"/v1/leads/{lead_id(1)}/score")).status_code == 401
        assert (await stranger.post("/v1/rules/scoring", json={})).status_code in (401, 422)


async def test_the_score_of_a_company_over_http(own: Servers, scoring: ServiceProcess) -> None:
    async with client(scoring) as http:
        none = await http.get("/v1/accounts/northwind.example/score")
        assert (none.status_code, none.json()["code"]) == (404, "no_account_scores")
        document = TEN + "account: {engagement: sum}\n"
        body = {"document": document, "author": "Ann", "reason": "a test"}
        assert (await http.post("/v1/rules/scoring", json=body)).status_code == 200
        company = {"name": "Northwind", "domain": "northwind.example"}
        records = [
            (lead_id(n).encode(), captured(n, company=company), envelope("lead.captured", n, lead_id(n)))
            for n in (1, 2)
        ]
        await produce(own, CAPTURED, records)
        await scored(own, 2)
        answer = (await http.get("/v1/accounts/Northwind.example/score")).json()
        assert (answer["account"], answer["score"]["value"], answer["more"]) == ("domain:northwind.example", 10, False)
        assert {each["lead_id"] for each in answer["score"]["leads"]} == {lead_id(1), lead_id(2)}
        assert (await http.get("/v1/accounts/unknown.example/score")).json()["code"] == "not_found"


async def test_rules_are_published_and_looked_back_at_from_the_command_line(
    scoring: ServiceProcess, tmp_path: Path
) -> None:
    env = {"LEADSTREAM_SCORING_URL": scoring.url, "LEADSTREAM_ADMIN_KEY": KEY}
    file = tmp_path / "ten.yaml"
    file.write_text(TEN)
    arguments = ["publish", str(file), "--author", "Ann", "--reason", "a test"]
    published = await asyncio.to_thread(CliRunner().invoke, rules_app, arguments, env=env)
    assert (published.exit_code, "live as version 2" in published.stdout) == (0, True), published.output
    shown = await asyncio.to_thread(CliRunner().invoke, rules_app, ["history", "scoring"], env=env)
    newest, oldest = shown.stdout.splitlines()
    assert newest.startswith("*    2") and newest.endswith("Ann: a test")
    assert load_scoring_model(TEN).content_hash[:12] in newest
    assert oldest.startswith("     1") and "b2b" in oldest
    stranger = {**env, "LEADSTREAM_ADMIN_KEY": "wrong"}
    refused = await asyncio.to_thread(CliRunner().invoke, rules_app, ["history", "scoring"], env=stranger)
    assert (refused.exit_code, "unauthenticated" in refused.stderr) == (1, True)


async def rules_command(scoring: ServiceProcess, *arguments: str) -> tuple[int, str, str]:
    env = {"LEADSTREAM_SCORING_URL": scoring.url, "LEADSTREAM_ADMIN_KEY": KEY}
    result = await asyncio.to_thread(CliRunner().invoke, rules_app, arguments, env=env)
    return result.exit_code, result.stdout, result.stderr


async def test_an_earlier_version_is_live_again_as_a_new_one(
    own: Servers, scoring: ServiceProcess, tmp_path: Path
) -> None:
    said = ("--author", "Ann", "--note", "too many")
    (tmp_path / "ten.yaml").write_text(TEN)
    assert (await rules_command(scoring, "rollback", "scoring", *said))[0] == 1, "nothing stands before version 1"
    await rules_command(scoring, "publish", str(tmp_path / "ten.yaml"), *said)
    await feed(own, range(20))
    await scored(own, 20)
    code, out, err = await rules_command(scoring, "rollback", "scoring", *said)
    assert (code, out) == (0, "scoring rules of version 1 are live as version 3\n"), err
    await feed(own, range(20), version=2)
    after = await scored(own, 40)
    assert {d["lead_version"]: d["score"]["rules"]["version"] for _, d in after} == {1: 2, 2: 3}
    async with client(scoring) as http:
        first, third, live = [
            (await http.get(f"/v1/rules/scoring/versions/{version}")).json() for version in (1, 3, "live")
        ]
        assert (
            third == live and third["document"] == first["document"] and third["content_hash"] == first["content_hash"]
        )
        assert (first["active"], third["active"], third["reason"]) == (False, True, "too many")
        listed = (await http.get("/v1/rules/scoring/versions")).json()["versions"]
        assert [(v["version"], "document" in v) for v in listed] == [(3, False), (2, False), (1, False)]
        for nothing in ("4", "0", "99999999999", "first", "-1", "٣"):
            assert (await http.get(f"/v1/rules/scoring/versions/{nothing}")).status_code == 404
        body = {"version": 9, "author": "Ann", "reason": "a test"}
        assert (await http.post("/v1/rules/scoring/rollback", json=body)).status_code == 404
        again = await http.post("/v1/rules/scoring/rollback", json={**body, "version": 1})
        assert (again.status_code, again.json()["result"]["version"]) == (200, 3), "it is live already"
    code, out, _ = await rules_command(scoring, "diff", "scoring", "2", "3")
    assert code == 0 and "- ten: points 10, axis fit, when always" in out.splitlines()
    assert (await rules_command(scoring, "diff", "scoring"))[1] == out
    assert (await rules_command(scoring, "diff", "scoring", "1", "live"))[1].endswith("no difference in meaning\n")
    assert (await rules_command(scoring, "show", "scoring", "2"))[1] == TEN
    announced = [orjson.loads(record.value or b"") for record in await read_to_end(own, RULES_PUBLISHED)]
    assert [rules["version"] for rules in announced][:2] == [2, 3]


async def test_an_earlier_version_that_todays_check_refuses_stays_what_it_was(
    own: Servers, scoring: ServiceProcess
) -> None:
    connection = await asyncpg.connect(own.postgres)
    await connection.execute(
        """INSERT INTO scoring.rule_versions
           VALUES ('scoring', 2, 'old', 'h2', $1, 'Ann', 'by an older release', now()),
                  ('scoring', 3, 'ten', 'h3', $2, 'Ann', 'a test', now())""",
        "kind: scoring\nrules:\n  - {id: a, points: 5, when: {field: fax, exists: true}}\n",
        TEN,
    )
    await connection.execute("UPDATE scoring.active_rules SET version = 3 WHERE kind = 'scoring'")
    await connection.close()
    code, _, err = await rules_command(scoring, "rollback", "scoring", "2", "--author", "Ann", "--note", "a test")
    assert (code, "invalid_rules: scoring.yaml:3:38 rules[0].when.field: expected a known field" in err) == (1, True), (
        err
    )
    async with client(scoring) as http:
        listed = (await http.get("/v1/rules/scoring/versions")).json()["versions"]
        assert [(v["version"], v["active"]) for v in listed] == [(3, True), (2, False), (1, False)]
    assert await read_to_end(own, RULES_PUBLISHED) == []
    assert (await rules_command(scoring, "diff", "scoring", "2", "3"))[0] == 1
    code, out, _ = await rules_command(scoring, "diff", "scoring", "2", "3", "--text")
    assert code == 0 and "+rules: [{id: ten, points: 10}]" in out.splitlines()


async def test_rules_that_are_broken_are_refused_over_http(own: Servers, scoring: ServiceProcess) -> None:
    async with client(scoring) as http:
        body = {"document": "kind: scoring\nrules:\n  - {id: a, points: ten}\n", "author": "Ann", "reason": "a test"}
        refused = await http.post("/v1/rules/scoring", json=body)
        assert (refused.status_code, refused.json()["reason"]) == (409, "invalid_rules")
        assert "scoring.yaml:3:21" in refused.json()["result"]["detail"]
        for broken in BROKEN:
            answer = await http.post("/v1/rules/scoring", json={**body, "document": broken})
            assert (answer.status_code, answer.json()["reason"]) == (409, "invalid_rules"), broken
        assert await read_to_end(own, RULES_PUBLISHED) == []
        assert (await http.post("/v1/rules/routing", json=body)).status_code == 404
        assert (await http.get("/v1/rules/routing")).status_code == 404
        without = await http.post("/v1/rules/scoring", json={"document": TEN})
        assert (without.status_code, without.json()["field"]) == (422, "author")
        assert (await http.get("/v1/rules/scoring")).json()["versions"][0]["version"] == 1
