"""An erased person's history keeps every count, day, source and outcome, and nothing of the person, whatever comes late."""

import random

import orjson
import pytest

from services.reporting.adapters.postgres.erasure import FREE, PERSONAL
from services.reporting.adapters.postgres.funnel import read_counts
from services.reporting.adapters.postgres.leads import events_of_leads
from services.reporting.adapters.postgres.ledger import read_ledger
from shared.contracts.topics import ERASED
from shared.handling.records import Record
from shared.persistence.database import Database
from shared.persistence.erasing import export_all
from tests.support.erasing import erased, remains, tables_of, unaccounted
from tests.support.reporting import NOW, Stream, lead_id, store

pytestmark = pytest.mark.stack

PRIVATE = ("person1@", "Lee1", "Call me", "Tx9", "same person", "VP Sales1")


def journey(stream: Stream, n: int) -> list[Record]:
    inbound = stream.inbound()
    return [
        inbound, stream.captured(inbound, n), stream.scored(inbound, n), stream.routed(inbound, n),
        stream.converted(inbound, n), stream.changed(n),
    ]  # fmt: skip


def erasure(stream: Stream, version: int, *numbers: int) -> Record:
    ids = [lead_id(n) for n in numbers]
    return stream.record(ERASED, "lead.erased", erased(version, *ids), key=ids[0])


async def books(database: Database) -> tuple[object, ...]:
    """Everything that is counted."""
    async with database.transaction(NOW) as work:
        activity = await read_counts(work, cohort=False, first=None, last=None)
        cohort = await read_counts(work, cohort=True, first=None, last=None)
        found = await read_ledger(work)
    return activity, cohort, found.balances, found.stages


async def test_every_table_takes_part_or_holds_nothing_of_a_person(database: Database, dsn: str) -> None:
    assert unaccounted(await tables_of(dsn, "reporting"), PERSONAL, FREE) == []


async def test_counts_stay_and_the_person_goes(database: Database, dsn: str) -> None:
    stream = Stream()
    lost = stream.inbound()
    first = [*journey(stream, 1), stream.merged(1, 3), stream.dead_letter(stream.captured(lost, 1), "scoring")]
    unfit = stream.inbound()
    became = [stream.dead_letter(unfit), stream.captured(unfit, 1, "merged", version=3)]
    await store(database, [*first, lost, unfit, *became])
    before = await books(database)
    assert {entry.split(":")[0] for entry in await remains(dsn, "reporting", PRIVATE)} >= {"personal", "parked_values"}
    await store(database, [erasure(stream, 4, 1, 3)])
    assert await remains(dsn, "reporting", PRIVATE) == [] and await books(database) == before
    async with database.transaction(NOW) as work:
        assert await work.fetch("SELECT FROM parked_values") == []
        exported = await export_all(PERSONAL, work, [lead_id(1), lead_id(3)])
    assert not any(private in str(exported) for private in PRIVATE)
    assert [event["type"] for event in exported["timeline"]].count("lead.erased") == 1
    await store(database, [erasure(stream, 4, 1, 3), *first])
    assert await remains(dsn, "reporting", PRIVATE) == [] and await books(database) == before


@pytest.mark.parametrize("seed", range(4))
async def test_what_comes_late_counts_and_is_blank(database: Database, dsn: str, seed: int) -> None:
    """In whatever order and batches: the counts are those of an erasure at the end, and nobody is left."""
    stream = Stream()
    records = [*journey(stream, 1), *journey(stream, 2), stream.merged(1, 3)]
    letter = stream.dead_letter(stream.captured(stream.inbound(), 1), "scoring")
    rng = random.Random(seed)
    late = [*records, letter, erasure(stream, 4, 1, 3)]
    rng.shuffle(late)
    for record in late:
        await store(database, [record])
    assert await remains(dsn, "reporting", PRIVATE) == []
    async with database.transaction(NOW) as work:
        events = await events_of_leads(work, [lead_id(1), lead_id(2)])
        found = await read_ledger(work)
    assert len(events[lead_id(1)]) >= 6 and not any(event.personal for event in events[lead_id(1)])
    assert "person2@example.com" in str(events[lead_id(2)])
    assert [(stage.done, stage.waiting) for stage in found.stages] == [(2, 0), (2, 0)]


async def test_a_lead_that_was_erased_on_its_way_is_not_missed(database: Database) -> None:
    stream = Stream()
    inbound = stream.inbound()
    await store(database, [inbound, stream.captured(inbound, 1)])
    async with database.transaction(NOW) as work:
        assert [stage.waiting for stage in (await read_ledger(work)).stages] == [1, 0]
    await store(database, [erasure(stream, 2, 1)])
    async with database.transaction(NOW) as work:
        assert [stage.waiting for stage in (await read_ledger(work)).stages] == [0, 0]


async def test_what_a_policy_purged_is_counted_once_and_what_a_person_asked_for_is_not(database: Database) -> None:
    stream = Stream()
    asked, junk = erasure(stream, 4, 1), erasure(stream, 4, 2, 3)
    junk = junk._replace(value=orjson.dumps({**orjson.loads(junk.value or b""), "purged": "junk"}))
    for _ in range(2):
        await store(database, [asked, junk])
    await store(database, [junk._replace(offset=99, event_id=lead_id(9))])
    async with database.transaction(NOW) as work:
        assert (await read_ledger(work)).purged == {"junk": 1}


async def test_what_was_noted_of_a_refusal_that_became_the_person_goes_too(database: Database) -> None:
    stream = Stream()
    unfit = stream.inbound()
    await store(database, [unfit, stream.rejected(unfit), stream.captured(unfit, 1)])
    async with database.transaction(NOW) as work:
        await work.execute(
            "INSERT INTO replays (command_id, parked_id, first_id, note) "
            "SELECT gen_random_uuid(), parked_id, parked_id, 'Ann Lee1 called' FROM parked"
        )
    await store(database, [erasure(stream, 2, 1)])
    async with database.transaction(NOW) as work:
        assert [row["note"] for row in await work.fetch("SELECT note FROM replays")] == [None]
