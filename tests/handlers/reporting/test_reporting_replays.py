"""Dead letters over HTTP: who may replay which, what the command carries, and what is told of replays afterwards."""

import base64
from typing import Any

import orjson
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY

from services.reporting.keeping import count_dead_letters
from shared.contracts import ids
from shared.contracts.commands.replay import ReplayRecord
from shared.contracts.envelope import Envelope
from shared.contracts.topics import CAPTURE_COMMANDS, SCORED, dead_letter_topic
from shared.handling.originals import MAX_VALUE_BYTES, unpack_original
from shared.handling.outcomes import Rejected
from shared.handling.records import Record
from shared.messaging.dead_letters import dead_letter_headers
from shared.messaging.rereading import Coordinates, Reread
from shared.persistence.database import Database
from tests.support.reporting import NOW, Stream, instant, store
from tests.support.reporting_replays import SOURCE, VIEWER, Taken, client, completion, listed, request_of

pytestmark = pytest.mark.stack
ORIGINAL = b'{"email": "x@example.com"}\xff'


def parked(stream: Stream, *, service: str = "capture", marks: tuple[tuple[str, str], ...] = ()) -> Record:
    """A dead letter of an imported row, as it comes from the topic."""
    headers = (("ce_source", b"fair"), ("ce_id", b"file/7"), ("ls_row", b"7"), ("x-own", b"\xff"))
    original = stream.inbound("fair")._replace(
        value=ORIGINAL, headers=headers, event_id=ids.root_event_id("fair", "file/7")
    )
    letter = dead_letter_headers(original, Rejected("processing_failed"), "capture-bulk", "0.1.0", marks)
    return stream.record(dead_letter_topic(service), "lead.submitted", ORIGINAL, key="k", headers=letter)


async def test_the_command_carries_the_original_to_the_service_that_failed(
    app: FastAPI, database: Database, taken: Taken
) -> None:
    letter = parked(Stream())
    await store(database, [letter])
    (row,) = await listed(app)
    assert (row["row"], row["state"], row["attempt"]) == (7, "waiting", None)
    async with client(app) as http:
        answer = await http.post("/v1/dead-letters/replay", json={"ids": [row["id"], row["id"]], "note": "fixed"})
    assert answer.status_code == 202 and len(answer.json()["sent"]) == 1
    ((topic, raw),) = taken.records
    assert (topic, raw.key.decode()) == (CAPTURE_COMMANDS, ids.root_event_id("fair", "file/7"))
    (command,) = taken.commands
    assert (command.requested_by, command.note, command.attempt) == ("environment-admin", "fixed", 1)
    assert (command.first_id, command.group, command.edited) == (row["id"], "capture-bulk", False)
    record = unpack_original(command.record, inbound=True)
    assert (record.value, record.source, record.event_id) == (ORIGINAL, "fair", ids.root_event_id("fair", "file/7"))
    assert (record.offset, record.topic_id) == (row["offset"], row["topic_id"])
    assert dict(record.headers) == {"ce_source": b"fair", "ce_id": b"file/7", "ls_row": b"7", "x-own": b"\xff"}


async def test_a_slice_sent_again_is_the_same_commands(app: FastAPI, database: Database, taken: Taken) -> None:
    await store(database, [parked(Stream())])
    (row,) = await listed(app)
    run_id = ids.new_id()
    async with client(app) as http:
        for _ in range(2):
            await http.post("/v1/dead-letters/replay", json={"ids": [row["id"]], "run_id": run_id})
    assert len({dict(raw.headers)["ce_id"] for _, raw in taken.records}) == 1


async def test_an_edited_value_goes_in_the_place_of_the_original(
    app: FastAPI, database: Database, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.runtime.commands_api.WAIT_S", 0)
    await store(database, [parked(Stream())])
    (row,) = await listed(app)
    async with client(app) as http:
        for body in ({"value": "{}"}, {"value": base64.b64encode(b"\xfe").decode(), "value_encoding": "base64"}):
            answer = await http.post(f"/v1/dead-letters/{row['id']}/replay", json=body)
            assert answer.status_code == 202 and answer.headers["location"].startswith("/v1/commands/")
        wrong = await http.post(f"/v1/dead-letters/{row['id']}/replay", json={"value": "?", "value_encoding": "base64"})
        assert wrong.status_code == 422
        huge = await http.post(f"/v1/dead-letters/{row['id']}/replay", json={"value": "x" * (MAX_VALUE_BYTES + 1)})
        assert (huge.status_code, huge.json()["code"]) == (413, "too_large")
    assert [unpack_original(c.record, inbound=True).value for c in taken.commands] == [b"{}", b"\xfe"]
    assert all(command.edited for command in taken.commands)


@pytest.mark.parametrize("key", [VIEWER, SOURCE])
async def test_only_who_may_change_replays(app: FastAPI, database: Database, taken: Taken, key: str) -> None:
    await store(database, [parked(Stream())])
    (row,) = await listed(app)
    async with client(app, key) as http:
        one = await http.post(f"/v1/dead-letters/{row['id']}/replay", json={})
        many = await http.post("/v1/dead-letters/replay", json={"ids": [row["id"]]})
        values = await http.get("/v1/dead-letters", params={"values": True})
    assert (one.status_code, many.status_code, values.status_code, taken.records) == (403, 403, 403, [])


async def kafka_without_it(*_: Any) -> dict[Coordinates, Reread]:
    return {}


async def test_what_cannot_be_replayed_is_named_and_not_sent(
    app: FastAPI, database: Database, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream()
    inbound = stream.inbound()
    nested = stream.record(dead_letter_topic("capture"), "record.replay", b"{", headers=[("ce_type", b"record.replay")])
    nowhere = stream.record(dead_letter_topic("capture"), "lead.submitted", b"{}", headers=[])
    cut = parked(stream, marks=(("dlq-value-bytes", "950000"),))
    monkeypatch.setattr("services.reporting.api.originals.read_again", kafka_without_it)
    await store(database, [stream.rejected(inbound), stream.record(SCORED, "lead.scored", b"no"), nested, nowhere, cut])
    rows = {row["id"]: row for row in await listed(app)}
    async with client(app) as http:
        answer = (await http.post("/v1/dead-letters/replay", json={"ids": [*rows, ids.new_id()]})).json()
        codes = {"not_replayable", "value_cut", "not_found", "original_gone", "still_unreadable"}
        assert {each["code"] for each in answer["refused"]} == codes
        assert len(answer["refused"]) == len(rows) + 1 and answer["sent"] == []
        assert taken.records == []
        for path in (f"/v1/dead-letters/{ids.new_id()}/replay", "/v1/dead-letters/x/replay"):
            assert (await http.post(path, json={})).status_code == 404


async def test_what_became_of_a_replay_is_told_whatever_comes_first(
    app: FastAPI, database: Database, taken: Taken
) -> None:
    for order in (1, -1):
        async with database.transaction(NOW) as work:
            await work.execute("TRUNCATE parked, parked_values, replays, commands")
        taken.records.clear()
        stream = Stream()
        await store(database, [parked(stream)])
        (row,) = await listed(app)
        run_id = ids.new_id()
        async with client(app) as http:
            sent = (await http.post("/v1/dead-letters/replay", json={"ids": [row["id"]], "run_id": run_id})).json()
            (command_id,) = [each["command_id"] for each in sent["sent"]]
            told = [
                request_of(stream, taken.records[0]),
                completion(stream, command_id, row["id"], "done", run_id=run_id, replayed=True, outcome="new"),
            ]
            for record in told[::order]:
                await store(database, [record])
                await store(database, [record])
            run = (await http.get(f"/v1/replays/{run_id}")).json()
            assert (run["requested"], run["completed"]) == (1, 1)
            assert run["counts"] == [
                {"service": "capture", "status": "done", "outcome": "new", "reason": None, "count": 1}
            ]
            shown = (await http.get(f"/v1/dead-letters/{row['id']}")).json()
            assert shown["state"] == "replayed"
            (replay,) = shown["replays"]
            assert (replay["requested_by"], replay["status"], replay["edited"]) == ("environment-admin", "done", False)
            command = (await http.get(f"/v1/commands/{command_id}")).json()
            assert (command["status"], command["result"]["outcome"]) == ("done", "new")


async def test_a_letter_that_failed_again_gives_way_to_its_newer_one_until_that_is_replayed(
    app: FastAPI, database: Database
) -> None:
    stream = Stream()
    await store(database, [parked(stream)])
    (first,) = await listed(app)
    again = parked(stream, marks=(("dlq-replay-of", first["id"]), ("dlq-replay-attempt", "1"), ("dlq-edited", "1")))
    await store(database, [again._replace(timestamp=again.timestamp + 5)])
    states = {row["id"]: (row["state"], row["replay_of"], row["attempt"]) for row in await listed(app)}
    assert states.pop(first["id"]) == ("failed_again", None, None)
    ((second, state),) = states.items()
    assert state == ("waiting", first["id"], 1)
    await store(database, [completion(stream, ids.new_id(), first["id"], "done", replayed=True, outcome="new")])
    assert {row["state"] for row in await listed(app)} == {"replayed"}
    assert await listed(app, state="waiting") == []
    async with client(app) as http:
        ledger = (await http.get("/v1/ledger")).json()
        report = (await http.get("/v1/reports/dead-letters", params={"by": "source"})).json()
        replays = (await http.get(f"/v1/dead-letters/{second}")).json()["replays"]
        counts = (await http.get("/v1/dead-letters/counts", params={"service": "capture"})).json()
    assert ledger["dead_letters"] == [
        {"service": "capture", "reason": "processing_failed", "state": "replayed", "count": 2}
    ]
    assert report["rows"] == [{"source": "fair", "waiting": 0, "replayed": 2, "failed_again": 0}]
    assert len(replays) == 1 and counts["total"] == 2


async def test_letters_are_counted_as_a_metric(app: FastAPI, database: Database) -> None:
    labels = {"service": "capture", "reason": "processing_failed", "state": "waiting"}
    await store(database, [parked(Stream())])
    await count_dead_letters(app.state.service)
    assert REGISTRY.get_sample_value("dead_letters_held", labels) == 1
    async with database.transaction(NOW) as work:
        await work.execute("TRUNCATE parked, parked_values")
    await count_dead_letters(app.state.service)
    assert REGISTRY.get_sample_value("dead_letters_held", labels) is None


async def test_a_replay_that_was_itself_dead_lettered_is_no_longer_waited_for(app: FastAPI, database: Database) -> None:
    stream = Stream()
    command_id = ids.new_id()
    envelope = Envelope(ids.new_id(), ReplayRecord.TYPE, "leadstream/reporting/api", command_id, instant()).headers()
    command = stream.record(CAPTURE_COMMANDS, ReplayRecord.TYPE, b"{", key=command_id, headers=envelope)
    letter = [*envelope, *dead_letter_headers(command, Rejected("invalid_contract"), "capture", "0.1.0")]
    await store(
        database, [stream.record(dead_letter_topic("capture"), ReplayRecord.TYPE, b"{", key=command_id, headers=letter)]
    )
    async with client(app) as http:
        found = (await http.get(f"/v1/commands/{command_id}")).json()
    assert (found["status"], found["reason"]) == ("dead_lettered", "invalid_contract")


async def test_a_letter_of_before_headers_were_kept_is_replayed_with_those_that_were(
    app: FastAPI, database: Database, taken: Taken
) -> None:
    await store(database, [parked(Stream())])
    async with database.transaction(NOW) as work:
        await work.execute("UPDATE parked_values SET headers = NULL")
    (row,) = await listed(app)
    async with client(app) as http:
        await http.post("/v1/dead-letters/replay", json={"ids": [row["id"]]})
    record = unpack_original(taken.commands[0].record, inbound=True)
    assert (record.event_id, record.value) == (ids.root_event_id("fair", "file/7"), ORIGINAL)


async def test_export_gives_the_very_bytes(app: FastAPI, database: Database) -> None:
    await store(database, [parked(Stream())])
    (row,) = await listed(app, values=True)
    assert base64.b64decode(row["value_base64"]) == ORIGINAL
    assert ["x-own", base64.b64encode(b"\xff").decode()] in row["headers_base64"]
    assert orjson.dumps(row)
