"""Refused and unreadable records that are replayed: their originals, their states, and the books."""

from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import FastAPI

from services.reporting.adapters.postgres.ledger import read_ledger
from services.reporting.domain.ledger import Balance
from shared.contracts import ids
from shared.contracts.topics import REPORTING_COMMANDS
from shared.handling.originals import unpack_original
from shared.handling.records import Record
from shared.messaging.rereading import Coordinates, NotReadAgain, Reread
from shared.persistence.database import Database
from tests.support.reporting import NOW, Stream, instant, store
from tests.support.reporting_replays import Taken, client, completion, listed, request_of

pytestmark = pytest.mark.stack


def refused_by(stream: Stream, inbound: Record, monkeypatch: pytest.MonkeyPatch) -> Record:
    """What capture says of a damaged row; Kafka still has the row."""
    headers = [
        ("ce_source", b"fair"),
        ("ce_id", b"file/8"),
        ("content-type", b"text/csv"),
        ("ls_damage", b"damaged_row"),
    ]
    place = Coordinates(inbound.topic_id, inbound.partition, inbound.offset)
    original = Reread(inbound.topic, inbound.timestamp, b"k", b'"no end,', headers)

    async def kafka(_bootstrap: str, _names: Any, _topics: Any, wanted: Any) -> dict[Coordinates, Reread]:
        assert list(wanted) == [place]
        return {place: original}

    monkeypatch.setattr("services.reporting.api.originals.read_again", kafka)
    return stream.rejected(inbound, "damaged_row", None)


async def test_a_refused_record_is_replayed_with_its_original_from_kafka(
    app: FastAPI, database: Database, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.runtime.commands_api.WAIT_S", 0)
    stream = Stream()
    inbound = stream.inbound("fair")
    await store(database, [refused_by(stream, inbound, monkeypatch)])
    (row,) = await listed(app, state="refused")
    assert (row["kind"], row["topic"], row["offset"]) == ("rejected", inbound.topic, inbound.offset)
    path = f"/v1/dead-letters/{row['id']}"
    async with client(app) as http:
        shown = (await http.get(path)).json()
        assert (shown["value"], shown["original_headers"]["ce_id"]) == ('"no end,', "file/8")
        assert (await http.post(f"{path}/replay", json={})).status_code == 202
        assert (await http.post(f"{path}/replay", json={"value": '{"email": "a@b.example"}'})).status_code == 202
    as_it_was, mended = taken.commands
    assert (as_it_was.edited, mended.edited, mended.first_id) == (False, True, row["id"])
    first, second = (unpack_original(each.record, inbound=True) for each in (as_it_was, mended))
    assert first.value == b'"no end,' and second.value == b'{"email": "a@b.example"}'
    for record in (first, second):
        assert (record.topic, record.offset, record.timestamp) == (inbound.topic, inbound.offset, inbound.timestamp)
        assert record.event_id == ids.root_event_id("fair", "file/8")
    # What was said of the damage goes with it.
    assert dict(first.headers)["ls_damage"] == b"damaged_row"
    assert dict(second.headers) == {"ce_source": b"fair", "ce_id": b"file/8", "content-type": b"application/json"}


async def test_what_people_rejected_in_quarantine_stays_rejected(
    app: FastAPI, database: Database, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream()
    inbound = stream.inbound("fair")
    refused_by(stream, inbound, monkeypatch)
    await store(database, [stream.rejected(inbound, "spam", None)])
    (row,) = await listed(app)
    async with client(app) as http:
        answer = await http.post(f"/v1/dead-letters/{row['id']}/replay", json={"value": "{}"})
    assert (answer.status_code, answer.json()["code"], taken.records) == (409, "not_replayable", [])


async def test_without_kafka_nothing_refused_is_sent_and_what_is_known_is_shown(
    app: FastAPI, database: Database, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> dict[Coordinates, Reread]:
        raise NotReadAgain

    monkeypatch.setattr("services.reporting.api.originals.read_again", away)
    stream = Stream()
    await store(database, [stream.rejected(stream.inbound())])
    (row,) = await listed(app)
    async with client(app) as http:
        assert (await http.post("/v1/dead-letters/replay", json={"ids": [row["id"]]})).status_code == 503
        shown = (await http.get(f"/v1/dead-letters/{row['id']}")).json()
    assert (shown["reason"], shown["value"], taken.records) == ("no_identity", None, [])


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
async def test_a_refused_record_that_becomes_a_lead_moves_in_the_books_whatever_comes_first(
    app: FastAPI, database: Database, taken: Taken, monkeypatch: pytest.MonkeyPatch, order: tuple[int, ...]
) -> None:
    stream = Stream()
    inbound = stream.inbound("fair")
    await store(database, [inbound, refused_by(stream, inbound, monkeypatch)])
    (row,) = await listed(app)
    async with client(app) as http:
        sent = (await http.post("/v1/dead-letters/replay", json={"ids": [row["id"]]})).json()["sent"]
    done = completion(
        stream, sent[0]["command_id"], row["id"], "done", replayed=True, outcome="new", event_id=inbound.event_id
    )
    # Redelivered, it is told of under its id.
    again = stream.rejected(inbound)._replace(event_id=row["event_id"])
    told = [request_of(stream, taken.records[0]), stream.captured(inbound, 1), done, again]
    for place in order:
        for _ in range(2):
            await store(database, [told[place]])
        (line,), _ = await books(database)
        assert line.balanced and line.received == 1 and line.in_flight == 0
    (line,), doubles = await books(database)
    assert (line.new, line.rejected, doubles) == (1, 0, 0)
    assert [each["state"] for each in await listed(app)] == ["replayed"]
    async with client(app) as http:
        ledger = (await http.get("/v1/ledger")).json()
    assert [(each["source"], each["replayed"]) for each in ledger["sources"]] == [("fair", 1)]


async def test_a_refusal_that_was_replayed_into_quarantine_waits_there_until_somebody_decides(
    app: FastAPI, database: Database, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream()
    inbound = stream.inbound("fair")
    await store(database, [inbound, refused_by(stream, inbound, monkeypatch)])
    (row,) = await listed(app)
    async with client(app) as http:
        await http.post("/v1/dead-letters/replay", json={"ids": [row["id"]]})
    held = stream.settled(inbound, "quarantined", "suspicious")._replace(time=instant(second=5))
    await store(database, [request_of(stream, taken.records[0]), held])
    (line,), _ = await books(database)
    assert (line.quarantined, line.rejected, line.in_flight, line.balanced) == (1, 0, 0, True)
    spam = stream.rejected(inbound, "spam", None)
    await store(database, [spam._replace(event_id=row["event_id"], timestamp=spam.timestamp + 9000)])
    (line,), doubles = await books(database)
    assert (line.quarantined, line.rejected, line.balanced, doubles) == (0, 1, True, 0)
    await store(database, [stream.captured(inbound, 1)])
    (line,), doubles = await books(database)
    assert (line.new, line.rejected, line.quarantined, line.balanced, doubles) == (1, 0, 0, True, 0)


async def test_what_people_rejected_out_of_quarantine_is_rejected(database: Database) -> None:
    stream = Stream()
    inbound = stream.inbound("fair")
    await store(
        database, [inbound, stream.settled(inbound, "quarantined", "suspicious"), stream.rejected(inbound, "spam")]
    )
    (line,), _ = await books(database)
    assert (line.quarantined, line.rejected, line.balanced) == (0, 1, True)


async def test_refused_and_taken_without_a_replay_is_a_double(database: Database) -> None:
    stream = Stream()
    for n, batches in enumerate((1, 2)):
        inbound = stream.inbound("fair")
        told = [inbound, stream.rejected(inbound), stream.captured(inbound, n)]
        for part in [told] if batches == 1 else [[each] for each in told]:
            await store(database, part)
    (line,), doubles = await books(database)
    assert (line.received, line.new, line.rejected, line.balanced, doubles) == (2, 2, 0, True, 2)


async def test_what_is_refused_again_is_one_letter_with_the_newest_reason(app: FastAPI, database: Database) -> None:
    stream = Stream()
    inbound = stream.inbound("fair")
    first, again = stream.rejected(inbound), stream.rejected(inbound, "invalid_json", None)
    again = again._replace(event_id=first.event_id, timestamp=first.timestamp + 5)
    for batch in ([inbound, first, again], [again, first], [first]):
        await store(database, batch)
    (row,) = await listed(app)
    await store(database, [completion(stream, ids.new_id(), row["id"], "done", replayed=True, outcome="rejected")])
    (row,) = await listed(app)
    assert (row["reason"], row["state"]) == ("invalid_json", "refused")
    (line,), doubles = await books(database)
    assert (line.rejected, doubles) == (1, 0)


async def books(database: Database) -> tuple[Sequence[Balance], int]:
    async with database.transaction(NOW) as work:
        found = await read_ledger(work)
    return found.balances, found.doubles


async def test_an_unreadable_record_is_replayed_with_a_value_that_can_be_read(
    app: FastAPI, database: Database, taken: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.runtime.commands_api.WAIT_S", 0)
    stream = Stream()
    inbound = stream.inbound()
    whole = stream.captured(inbound, 1)
    await store(database, [inbound, whole._replace(value=b'{"lead": 7}')])
    (row,) = await listed(app)
    assert (row["kind"], row["state"]) == ("unreadable", None)
    path = f"/v1/dead-letters/{row['id']}/replay"
    async with client(app) as http:
        for value in ({}, {"value": "{}"}):
            assert (await http.post(path, json=value)).json()["code"] == "still_unreadable"
        assert (await http.post(path, json={"value": (whole.value or b"").decode()})).status_code == 202
    ((topic, _),) = taken.records
    assert topic == REPORTING_COMMANDS
    record = unpack_original(taken.commands[0].record, inbound=False)
    for _ in range(3):
        await store(database, [record])
    (line,), doubles = await books(database)
    assert (record.event_id, line.new, line.in_flight, doubles) == (whole.event_id, 1, 0, 0)
