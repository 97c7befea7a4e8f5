"""Drafts over reporting's stored past, over HTTP: read only, one at a time, personal data nowhere."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from services.reporting.main import build_app
from services.reporting.ports import PreviewRunner
from services.reporting.settings import ReportingSettings
from shared.contracts.events.scoring import RulesPublished
from shared.contracts.topics import RULES_PUBLISHED
from shared.persistence.database import Database
from tests.support.reporting import Stream, instant, lead_id, snapshot, store
from tests.support.reporting_behaviour import behaved, corrected, observed

ADMIN = "ls_a_1"
DRAFT = "kind: scoring\ngrades: {by: total, A: 50, B: 20, C: 5}\nrules: [{id: any, points: 60}]\n"


@pytest.fixture
async def http(dsn: str, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(dsn, None) as client:
        yield client


def asking(dsn: str, runner: PreviewRunner | None) -> httpx.AsyncClient:
    app: FastAPI = build_app(ReportingSettings(postgres_dsn=SecretStr(dsn), admin_key=SecretStr(ADMIN)), runner)
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(
        transport=transport, base_url="http://test", headers={"Authorization": f"Bearer {ADMIN}"}, timeout=120
    )


async def some_past(database: Database) -> None:
    stream = Stream()
    for n in range(6):
        inbound = stream.inbound()
        captured = stream.captured(inbound, n, time=instant(day=n + 1))
        await store(database, [inbound, captured, stream.scored(inbound, n, "B"), stream.routed(inbound, n)])
    inbound = stream.inbound()
    await store(database, [stream.converted(inbound, 1), stream.changed(1, "Closed Won"), stream.merged(0, 5)])


async def test_a_draft_is_run_over_the_past_and_changes_nothing(http: httpx.AsyncClient, database: Database) -> None:
    await some_past(database)
    before = await snapshot(database)
    answer = await http.post("/v1/rules/preview", json={"drafts": [{"text": DRAFT}]})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["leads"] == 5, "the one that was merged away counts with its winner"
    grades = {row["grade"]: row for row in found["grades"]}
    assert (grades["A"]["draft"], grades["B"]["recorded"], grades["A"]["won_draft"]) == (5, 5, 1)
    assert found["left_out"] == {"without_state": 0, "unreadable_events": 0}
    assert "example.com" not in answer.text and "Lee" not in answer.text
    assert await snapshot(database) == before


async def test_the_newest_so_many_or_those_of_some_days(http: httpx.AsyncClient, database: Database) -> None:
    await some_past(database)
    newest = await http.post("/v1/rules/preview", json={"drafts": [{"text": DRAFT}], "limit": 2, "examples": 9})
    assert {each["lead_id"] for each in newest.json()["examples"]["grade"]} <= {lead_id(3), lead_id(4)}
    assert newest.json()["leads"] == 2
    days = {"from": "2026-01-02T00:00:00Z", "to": "2026-01-04T00:00:00Z"}
    some = await http.post("/v1/rules/preview", json={"drafts": [{"text": DRAFT}], **days})
    assert some.json()["leads"] == 2


async def test_members_are_taken_as_routing_tells_them(http: httpx.AsyncClient, database: Database) -> None:
    await some_past(database)
    members = [{"member_id": "zoe", "name": "Zoe Zimmer", "active": True, "queues": []}]
    answer = await http.post("/v1/rules/preview", json={"drafts": [{"text": DRAFT}], "members": members})
    assert answer.status_code == 200, answer.text
    assert not any("members are not known" in note for note in answer.json()["notes"])


async def test_what_was_published_last_is_what_is_live(http: httpx.AsyncClient, database: Database) -> None:
    await some_past(database)
    stream = Stream()
    for version, points in ((1, 5), (2, 60)):
        said = RulesPublished(
            service="scoring", kind="scoring", name="b2b", version=version, content_hash="0" * 64, author="Ann",
            reason="test", document=DRAFT.replace("60", str(points)), published_at=instant(),
        )  # fmt: skip
        await store(database, [stream.record(RULES_PUBLISHED, RulesPublished.TYPE, said, key="scoring/scoring")])
    found = (await http.post("/v1/rules/preview", json={"drafts": [{"text": DRAFT}]})).json()
    assert found["rules"]["scoring"]["live"]["version"] == 2
    assert found["changed"]["grade"] == 0


async def test_problems_of_a_draft_are_told_with_their_places(http: httpx.AsyncClient, database: Database) -> None:
    await some_past(database)
    answer = await http.post("/v1/rules/preview", json={"drafts": [{"name": "my.yaml", "text": "kind: scoring\n"}]})
    assert answer.status_code == 422 and answer.json()["code"] == "invalid_rules"
    assert answer.json()["problems"][0]["message"].startswith("my.yaml:1:1")


@pytest.mark.parametrize("body", [{}, {"drafts": []}, {"drafts": [{"text": DRAFT}], "limit": 0}, {"drafts": [{}]}])
async def test_a_request_that_asks_nothing_is_refused(http: httpx.AsyncClient, body: Mapping[str, Any]) -> None:
    assert (await http.post("/v1/rules/preview", json=body)).status_code == 422


BEHAVIOUR = """
kind: scoring
grades: {by: total, A: 50, B: 20, C: 5}
rules: [{id: any, points: 10}]
behaviour: [{id: page, event: page.viewed, points: 30, once_per: event}]
"""


async def test_what_leads_did_counts_also_of_those_that_were_merged_into_them(
    http: httpx.AsyncClient, database: Database
) -> None:
    stream = Stream()
    records = [stream.captured(stream.inbound(), n, time=instant(day=1)) for n in range(3)]
    machines = behaved(stream, observed(stream), 2, second=5)
    deeds = [behaved(stream, observed(stream), n, second=5) for n in (0, 1)]
    for batch in (records, [stream.merged(0, 1)], deeds[:1], deeds[1:], [machines, corrected(stream, machines, 2)]):
        await store(database, batch)  # each in a bundle of its own
    drafts = [{"text": BEHAVIOUR}, {"text": "{kind: gate, min_score: 70, criteria: []}"}]
    live = {"gate": {"text": "{kind: gate, min_score: 200, criteria: []}", "version": 1}}
    found = (await http.post("/v1/rules/preview", json={"drafts": drafts, "live": live, "examples": 9})).json()
    assert (found["leads"], found["left_out"]["unreadable_events"]) == (2, 0)
    assert [each["lead_id"] for each in found["examples"]["gate"] if each["to"] == "open"] == [lead_id(0)]


class _Waiting:
    """A runner that tells its first caller when it is asked, and answers when it may."""

    def __init__(self) -> None:
        self.asked, self.may_end = asyncio.Event(), asyncio.Event()

    async def run(self, job: Mapping[str, Any], past: AsyncIterator[bytes]) -> dict[str, Any]:
        self.asked.set()
        await self.may_end.wait()
        return {"leads": 0}


async def test_a_runner_can_be_handed_in(dsn: str, database: Database) -> None:
    runner = _Waiting()
    async with asking(dsn, runner) as client:
        request = asyncio.create_task(client.post("/v1/rules/preview", json={"drafts": [{"text": DRAFT}]}))
        async with asyncio.timeout(60):
            await runner.asked.wait()
            runner.may_end.set()
            assert (await request).json()["leads"] == 0


async def test_too_short_a_past_teaches_nothing_and_rules_are_held_against_it(
    http: httpx.AsyncClient, database: Database
) -> None:
    await some_past(database)
    learnt = await http.post("/v1/rules/learn", json={})
    assert learnt.status_code == 409 and learnt.json()["code"] == "not_enough_data"
    held = (await http.post("/v1/rules/outcomes", json={"document": DRAFT})).json()
    assert (held["leads"], held["outcomes"], held["won"]) == (5, 1, 1)
    assert held["rules"][0]["says"] == "not enough data"
