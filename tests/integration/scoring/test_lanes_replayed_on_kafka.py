"""A dead letter of the lane of segments as it runs: replayed by a command that names its group, applied once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from services.scoring.segments.domain.model import load_segment_rules
from shared.contracts.topics import (
    CAPTURED,
    COMMANDS_COMPLETED,
    JOURNEYS,
    SCORING_COMMANDS,
    dead_letter_topic,
)
from shared.handling.records import Record
from shared.handling.work import Work
from shared.persistence.rule_versions import NewRules, publish_version
from shared.runtime.clock import utc_now
from tests.support.process import ServiceProcess
from tests.support.replaying import FIRST_LETTER, replay_headers, replay_of
from tests.support.scoring import captured, create_schema, lead_id
from tests.support.stack import Servers
from tests.support.topics import envelope, produce, read_to_end
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes]

SEGMENTS = "kind: segments\nsegments: [{id: everybody, when: {field: email, exists: true}}]\n"
BUG = """
    CREATE FUNCTION scoring.bug() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a bug'; END $$;
    CREATE TRIGGER bug BEFORE INSERT ON scoring.segment_leads FOR EACH ROW EXECUTE FUNCTION scoring.bug();
"""


async def run(own: Servers, sql: str) -> None:
    connection = await asyncpg.connect(own.postgres)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture
async def scoring(own: Servers, tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    await create_schema(own.postgres)
    connection = await asyncpg.connect(own.postgres, server_settings={"search_path": "scoring"})
    try:
        async with connection.transaction():
            rules = NewRules(
                "segments", "segments", load_segment_rules(SEGMENTS).content_hash, SEGMENTS, "Ann", "a test"
            )
            await publish_version(Work(connection, utc_now()), rules)
    finally:
        await connection.close()
    async with ServiceProcess("services.scoring.main", own.environment(), tmp_path / "scoring.log") as process:
        yield await process.start().ready()


async def records(own: Servers, topic: str, count: int) -> list[Any]:
    async def enough() -> list[Any] | None:
        found = await read_to_end(own, topic)
        return found if len(found) >= count else None

    return await eventually(enough, f"{count} records of {topic}", within=90, every=0.2)


def original_of(letter: Any) -> tuple[Record, str]:
    """The record of a letter and the group that it names, as reporting takes them from its headers."""
    said = {name: value.decode() for name, value in letter.headers}
    headers = tuple((name, value) for name, value in letter.headers if not name.startswith("dlq-"))
    record = Record(
        said["dlq-original-topic"], said["dlq-original-topic-id"], int(said["dlq-original-partition"]),
        int(said["dlq-original-offset"]), int(said["dlq-original-timestamp"]), letter.key, letter.value, headers,
        said["dlq-event-id"], said["ce_type"], said["dlq-source"], "", "",
    )  # fmt: skip
    return record, said["dlq-group"]


async def replay(own: Servers, n: int, record: Record, group: str) -> None:
    wanted = replay_of(record).model_copy(update={"group": group})
    await produce(own, SCORING_COMMANDS, [(b"key", wanted.model_dump_json().encode(), replay_headers(n))])


async def test_a_letter_of_the_lane_of_segments_comes_back_once(own: Servers, scoring: ServiceProcess) -> None:
    await run(own, BUG)
    await produce(own, CAPTURED, [(lead_id(1).encode(), captured(1), envelope("lead.captured", "1/1", lead_id(1)))])
    (letter,) = await records(own, dead_letter_topic("scoring"), 1)
    record, group = original_of(letter)
    assert (record.type, group) == ("lead.scored", own.names.group("scoring-segments"))

    await replay(own, 1, record, group)
    _, again = await records(own, dead_letter_topic("scoring"), 2)
    assert original_of(again) == (record, group)
    assert dict(again.headers)["dlq-replay-of"].decode() == FIRST_LETTER

    await run(own, "DROP FUNCTION scoring.bug CASCADE")
    for n in (2, 3, 4):
        await replay(own, n, record, group)
    answers = [orjson.loads(each.value) for each in await records(own, COMMANDS_COMPLETED, 4)]
    assert sorted(each["result"]["replayed"] for each in answers) == [False, False, False, True]
    (entered,) = await records(own, JOURNEYS, 1)
    assert dict(entered.headers)["ce_type"] == b"segment.entered"
    assert len(await read_to_end(own, dead_letter_topic("scoring"))) == 2
