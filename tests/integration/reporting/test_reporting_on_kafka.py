"""Reporting as a process on real Kafka: every topic, the ledger, keys, and a redelivery from offset 0 (F22)."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson
import typer
from typer.testing import CliRunner

from services.reporting.cli import dead_letters_app, keys_app, leads_app, ledger_app, reports
from services.reporting.subscribers import EVERY_TOPIC
from shared.contracts.topics import ACCESS_GRANTED, COMMANDS_COMPLETED, INBOUND, RULES_PUBLISHED, dead_letter_topic
from shared.handling.records import Record
from shared.messaging import admin
from shared.persistence.database import role_of
from shared.runtime.access import new_key, secret_hash
from tests.support import http
from tests.support.process import ServiceProcess
from tests.support.reporting import Stream, lead_id, migrate_in_thread, rules
from tests.support.stack import Servers
from tests.support.topics import produce, read_to_end, reset_group
from tests.support.waiting import eventually

ADMIN = "ls_admin_test-key"
TABLES = (
    "events", "personal", "outcomes", "doubles", "received", "settled", "stored", "bundles", "progress", "cohorts",
    "funnel_daily", "parked", "parked_values", "keys",
)  # fmt: skip


async def test_every_topic_is_stored_once(own: Servers, tmp_path: Path) -> None:
    await migrate_in_thread(own.postgres)
    env = {**own.environment(), "LEADSTREAM_ADMIN_KEY": ADMIN, "LEADSTREAM_SESSION_TIMEOUT_MS": "6000"}
    records = await _a_bit_of_everything(own)
    for record in records:
        await produce(own, record.topic, [(record.key, record.value, [*record.headers])], partition=record.partition)  # type: ignore[list-item]
    async with ServiceProcess("services.reporting.main", env, tmp_path / "reporting.log") as service:
        await service.start().ready()
        async with _client(service) as http:
            ledger = await _until_caught_up(http)
            assert ledger["problems"] == [], ledger
            assert [(s["source"], s["received"], s["new"]) for s in ledger["sources"]] == [("website", 6, 3)]
            lead = (await http.get(f"/v1/leads/{lead_id(1)}")).json()
            assert lead["stage"] == "converted" and lead["lead"]["email"] == "person1@example.com"
            await asyncio.to_thread(_command_line, service)
            key = await _grant(http)
            seen = await eventually(lambda: _as(service, key, f"/v1/leads/{lead_id(1)}"), "the key is let in")
            masked = seen.json() if seen is not None else {}
            assert masked["lead"]["email"] == "***" and masked["lead"]["title"] == "***"
            await _revoke(http, key)
            await eventually(lambda: _refused(service, key), "the key is shut out")
            # Four command records (one repeated), three outcomes of them and two access records came to the others; inbound records have a
            # table of their own, and two of ours are parked.
            await eventually(lambda: _holds_events(own, len(records) - 8 + 9), "reporting reads what it published")
        service.stop()
    granted = [orjson.loads(r.value or b"") for r in await read_to_end(own, ACCESS_GRANTED)]
    assert [g["revoked"] for g in granted] == [False, True]
    before = await _tables(own)
    assert not await read_to_end(own, dead_letter_topic("reporting"))

    # A foreign tool sets the groups to the beginning; and once more with the history's marks gone too.
    for forget in (False, True):
        await reset_group(own, "reporting", EVERY_TOPIC)
        await reset_group(own, "reporting-commands", ["reporting.commands.v1"])
        if forget:
            await _forget_marks(own)
        log = tmp_path / f"again-{forget}.log"
        async with ServiceProcess("services.reporting.main", env, log) as service:
            await service.start().ready()
            async with _client(service) as http:
                await _until_caught_up(http)
            service.stop()
        assert await _tables(own) == before
        assert len(await read_to_end(own, ACCESS_GRANTED)) == 2
        assert len(await read_to_end(own, COMMANDS_COMPLETED)) == 4


async def _a_bit_of_everything(servers: Servers) -> list[Record]:
    """A record or more of every kind; the coordinates in them are those that they get in the cluster."""
    found = await admin.describe(servers.kafka, servers.names, [INBOUND])
    stream = Stream(servers.spine_partitions, topic_ids={INBOUND: found[INBOUND].topic_id})
    inbound = [stream.inbound() for _ in range(6)]
    records = [*inbound, stream.rejected(inbound[3]), stream.settled(inbound[4])]
    for n in range(3):
        records += [stream.captured(inbound[n], n), stream.scored(inbound[n], n), stream.routed(inbound[n], n)]
    records += [stream.converted(inbound[1], 1), stream.changed(1), stream.merged(0, 2), stream.dead_letter(inbound[5])]
    done = {"command_id": lead_id(1), "command": "lead.merge", "service": "capture", "status": "done", "result": {}}
    records.append(stream.record(COMMANDS_COMPLETED, "command.completed", {**done, "completed_at": "x"}))
    published = {**rules("scoring"), "service": "scoring", "author": "a", "reason": "b", "document": "c: 1"}
    records.append(stream.record(RULES_PUBLISHED, "rules.published", published, partition=0))
    records.append(stream.record("sales.commands.v1", "lead.convert", {"lead_id": lead_id(2), "requested_by": "Ann"}))
    records.append(stream.record("leads.scored.v1", "lead.scored", b"not json"))
    return records


def _command_line(service: ServiceProcess) -> None:
    """Every command but those that change, for people and for scripts."""
    app = typer.Typer()
    for name, group in (
        ("leads", leads_app),
        ("ledger", ledger_app),
        ("dead-letters", dead_letters_app),
        ("keys", keys_app),
    ):
        app.add_typer(group, name=name)
    app.command("reports")(reports)
    env = {"LEADSTREAM_REPORTING_URL": service.url, "LEADSTREAM_ADMIN_KEY": ADMIN}

    def run(*arguments: str, code: int = 0, **more: str) -> str:
        done = CliRunner().invoke(app, arguments, env={**env, **more})
        assert done.exit_code == code, done.output
        return done.output

    assert "The ledger is balanced" in run("ledger", "check", "--recount", "--wait", "5")
    assert orjson.loads(run("ledger", "show", "--json"))["balanced"] is True
    assert "+80  Industry fits  [industry]" in run("leads", "explain", lead_id(1))
    assert "hot: not met: score.grade" in run("leads", "explain", lead_id(1))
    assert "person1@example.com" in run("leads", "show", lead_id(1))
    assert lead_id(1) in run("leads", "list")
    first = orjson.loads(run("leads", "list", "--limit", "1", "--json"))
    then = orjson.loads(run("leads", "list", "--limit", "1", "--after", first["next_cursor"], "--json"))
    assert first["leads"][0]["lead_id"] != then["leads"][0]["lead_id"]
    run("leads", "list", "--after", "nonsense", code=2)
    assert "opportunity.converted" in run("leads", "timeline", lead_id(1))
    assert run("reports", "funnel", "--format", "csv").splitlines()[:3] == ["stage,count", "received,6", "captured,3"]
    assert "website" in run("reports", "funnel", "--by", "source")
    (dead,) = orjson.loads(run("dead-letters", "list", "--kind", "dead_letter", "--json"))["dead_letters"]
    assert "processing_failed" in run("dead-letters", "show", dead["id"])
    assert "no_identity" in run("dead-letters", "list")
    run("keys", "list")
    run("leads", "show", lead_id(99), code=3)
    run("reports", "funnel", "--by", "owner", code=2)
    run("keys", "revoke", "0000", code=1)
    run("ledger", "show", code=3, LEADSTREAM_REPORTING_URL="http://127.0.0.1:1")
    run("ledger", "show", code=1, LEADSTREAM_ADMIN_KEY="wrong")


def _client(service: ServiceProcess, key: str = ADMIN) -> httpx.AsyncClient:
    return http.client(service.url, headers={"Authorization": f"Bearer {key}"}, timeout=10)


async def _until_caught_up(http: httpx.AsyncClient) -> Any:
    async def caught_up() -> Any:
        ledger = (await http.get("/v1/ledger", params={"recount": True})).json()
        return ledger if ledger.get("caught_up") and ledger["sources"] else None

    return await eventually(caught_up, "reporting is caught up", within=60)


async def _grant(http: httpx.AsyncClient) -> str:
    key_id, key = new_key()
    body = {"key_id": key_id, "secret_hash": secret_hash(key), "role": "viewer", "label": "a viewer"}
    answer = await http.post("/v1/keys", json=body, headers={"Idempotency-Key": "one"})
    assert answer.status_code == 200, answer.text
    again = await http.post("/v1/keys", json=body, headers={"Idempotency-Key": "one"})
    assert again.json() == answer.json()
    return key


async def _revoke(http: httpx.AsyncClient, key: str) -> None:
    answer = await http.delete(f"/v1/keys/{key.split('_')[1]}")
    assert answer.status_code == 200 and answer.json()["result"]["revoked"] is True
    assert [k["revoked"] for k in (await http.get("/v1/keys")).json()["keys"]] == [True]


async def _as(service: ServiceProcess, key: str, path: str) -> httpx.Response | None:
    async with _client(service, key) as http:
        answer = await http.get(path)
    return answer if answer.status_code == 200 else None


async def _refused(service: ServiceProcess, key: str) -> bool:
    async with _client(service, key) as http:
        return (await http.get("/v1/ledger")).status_code == 401


async def _connect(servers: Servers) -> "asyncpg.Connection[asyncpg.Record]":
    settings = {"search_path": "reporting", "role": role_of("reporting")}
    return await asyncpg.connect(servers.postgres, server_settings=settings)


async def _tables(servers: Servers) -> dict[str, list[tuple[Any, ...]]]:
    connection = await _connect(servers)
    try:
        return {
            table: sorted((tuple(row.values()) for row in await connection.fetch(f"SELECT * FROM {table}")), key=repr)
            for table in TABLES
        }
    finally:
        await connection.close()


async def _holds_events(servers: Servers, expected: int) -> bool:
    tables = await _tables(servers)
    return len(tables["events"]) + sum(len(lead_ids) for _, _, _, lead_ids, *_ in tables["bundles"]) == expected


async def _forget_marks(servers: Servers) -> None:
    connection = await _connect(servers)
    try:
        await connection.execute("DELETE FROM marks WHERE group_id = $1", servers.names.group("reporting"))
    finally:
        await connection.close()
