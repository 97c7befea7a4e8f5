"""Reporting's own dead letters: records of its history and its commands, replayed in the lane of its commands."""

from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from services.reporting.adapters.postgres.keys import PostgresKeys
from services.reporting.adapters.postgres.store import PostgresEventStore
from services.reporting.subscribers import access
from shared.contracts.commands.reporting import GrantAccess
from shared.contracts.envelope import Envelope
from shared.contracts.topics import COMMANDS_COMPLETED, REPORTING_COMMANDS
from shared.handling.outcomes import Produced, Rejected
from shared.handling.records import Record, read_record
from shared.messaging.settling import Settling
from shared.persistence.commands import read_completed
from shared.persistence.database import Database
from tests.support.replaying import replay_headers, replay_of
from tests.support.reporting import NOW, Stream, count, instant, topic_id

pytestmark = pytest.mark.stack
COMMAND_ID = "018f0000-0000-7000-8000-0000000000bb"


class FragileKeys(PostgresKeys):
    """Has a bug until it is fixed."""

    fixed = False

    async def save(self, work: Any, granted: Any) -> None:
        if not self.fixed:
            raise ZeroDivisionError("a bug in the handler")
        await super().save(work, granted)


def settling(database: Database, keys: PostgresKeys) -> Settling:
    return Settling(access(PostgresEventStore(), keys), "reporting-commands", database, lambda: NOW)


def command(n: int, of: Record) -> Record:
    raw = SimpleNamespace(
        partition=1, offset=n, timestamp=1, key=b"k", value=replay_of(of).model_dump_json().encode(),
        headers=tuple(replay_headers(n)),
    )  # fmt: skip
    return read_record(raw, REPORTING_COMMANDS, topic_id(REPORTING_COMMANDS), inbound=False)


def said(outcome: Any) -> dict[str, Any]:
    assert isinstance(outcome, Produced)
    (event,) = [each for each in outcome.events if each.topic == COMMANDS_COMPLETED and b"record.replay" in each.data]
    found: dict[str, Any] = orjson.loads(event.data)
    return found


async def test_a_record_of_the_history_is_stored_once_however_often_replayed(database: Database) -> None:
    stream = Stream()
    inbound = stream.inbound()
    captured = stream.captured(inbound, 1)
    lane = settling(database, PostgresKeys())
    for n in range(3):
        (settled,) = await lane.settle([command(n, captured)], {})
        assert said(settled.outcome)["result"]["outcome"] == "stored"
    async with database.transaction(NOW) as work:
        (row,) = await work.fetch("SELECT count FROM funnel_daily WHERE stage = 'captured'")
    assert row["count"] == 1


async def test_a_dead_command_is_obeyed_by_its_replay_and_answers_under_its_own_id(database: Database) -> None:
    keys = FragileKeys()
    lane = settling(database, keys)
    wanted = GrantAccess(key_id="aabbccdd", secret_hash="0" * 64, role="viewer")
    headers = Envelope(COMMAND_ID, GrantAccess.TYPE, "leadstream/reporting/api", COMMAND_ID, instant()).headers()
    raw = SimpleNamespace(
        partition=0,
        offset=5,
        timestamp=1,
        key=b"aabbccdd",
        value=wanted.model_dump_json().encode(),
        headers=tuple(headers),
    )
    dead = read_record(raw, REPORTING_COMMANDS, topic_id(REPORTING_COMMANDS), inbound=False)
    (settled,) = await lane.settle([dead], {})
    assert isinstance(settled.outcome, Rejected)
    assert await _status(database) == "dead_lettered"
    keys.fixed = True
    answers = await lane.settle([command(10, dead), command(11, dead)], {})
    assert [said(each.outcome)["result"]["replayed"] for each in answers] == [True, False]
    assert await _status(database) == "done"
    assert await count(database, "keys") == 1


async def _status(database: Database) -> str | None:
    async with database.transaction(NOW) as work:
        found = await read_completed(work, COMMAND_ID)
    return found["status"] if found else None
