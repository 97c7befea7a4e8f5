"""A batch that is settled without asking what was decided before, and was not new after all."""

from datetime import UTC, datetime

import asyncpg
import orjson
import pytest

from shared.contracts import ids
from shared.contracts.topics import CAPTURED
from shared.handling.outcomes import REPEATED_EVENT, Produced, Rejected, Skipped
from shared.handling.records import Record
from shared.messaging.settling import Settling
from shared.persistence import decisions
from shared.persistence.database import Database, create_engine
from tests.support import hop
from tests.support.stack import Servers, create_database, drop_database

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
TOPIC_ID = "11111111-2222-4333-8444-555555555555"


def record(offset: int, event: int | None = None, *, poison: bool = False) -> Record:
    lead_id = ids.derive(ids.LEADS, str(offset))
    value = orjson.dumps({"lead_id": lead_id, "n": offset, "poison": poison})
    event_id = ids.derive(ids.EVENTS, str(offset if event is None else event))
    headers = ("lead.captured", "leadstream/capture", lead_id, "2026-01-05T10:00:00Z")
    return Record(CAPTURED, TOPIC_ID, 0, offset, 0, lead_id.encode(), value, (), event_id, *headers)


async def test_what_was_decided_before_is_found_out_and_nothing_is_done_twice(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = await create_database(servers.postgres)
    await hop.create_schema(own)
    database = Database(create_engine(own, "scoring"))
    settling = Settling(hop.subscription(), "hop", database, lambda: NOW)
    asked: list[int] = []
    read = decisions.read_decisions

    async def noted(work: object, event_ids: list[str]) -> object:
        asked.append(len(event_ids))
        return await read(work, event_ids)  # type: ignore[arg-type]

    monkeypatch.setattr("shared.messaging.settling.read_decisions", noted)
    try:
        await settling.settle([record(0), record(1)], {})
        await settling.settle([record(2), record(3)], {})
        assert asked == [2]  # the first batch of a partition only
        outcomes = [s.outcome for s in await settling.settle([record(4), record(5, event=0), record(6)], {})]
        assert asked == [2, 3]
        assert isinstance(outcomes[0], Produced) and outcomes[1] == Skipped(REPEATED_EVENT)
        again = [s.outcome for s in await settling.settle([record(6), record(7, poison=True)], {})]
        assert isinstance(again[0], Produced) and isinstance(again[1], Rejected)
        assert await _seen(own) == {ids.derive(ids.LEADS, str(n)): 1 for n in (0, 1, 2, 3, 4, 6)}
    finally:
        await database.dispose()
        await drop_database(servers.postgres, own)


async def _seen(dsn: str) -> dict[str, int]:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT lead_id::text, seen FROM scoring.hop_leads")
        return {row["lead_id"]: row["seen"] for row in rows}
    finally:
        await connection.close()
