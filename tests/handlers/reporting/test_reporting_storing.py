"""Every topic's records in reporting's tables; a redelivery changes nothing."""

import asyncio
import random
from datetime import timedelta

import pytest

from services.reporting.adapters.postgres.erasure import forget_leads
from services.reporting.adapters.postgres.funnel import read_counts, recount
from services.reporting.adapters.postgres.leads import events_of_leads, page_of_leads, surviving
from services.reporting.adapters.postgres.ledger import read_ledger
from services.reporting.adapters.postgres.months import create_months
from services.reporting.adapters.postgres.parked import Filters, forget_parked, list_parked
from services.reporting.domain.bundles import unpack
from services.reporting.domain.funnel import funnel_table
from services.reporting.domain.leads import StoredEvent, detail, newest
from services.reporting.domain.ledger import problems
from shared.contracts.topics import CAPTURED, COMMANDS_COMPLETED, SCORED, dead_letter_topic
from shared.handling.records import Record
from shared.persistence.database import Database
from tests.support.reporting import (
    EMPTIED,
    NOW,
    Stream,
    batches,
    count,
    instant,
    lead_id,
    snapshot,
    store,
)  # fmt: skip


def journey(stream: Stream, n: int, source: str = "website", grade: str = "A") -> list[Record]:
    """A lead from submission to opportunity."""
    inbound = stream.inbound(source)
    return [
        inbound, stream.captured(inbound, n), stream.scored(inbound, n, grade), stream.routed(inbound, n),
        stream.converted(inbound, n), stream.changed(n),
    ]  # fmt: skip


async def test_a_lead_is_stored_and_shown(database: Database) -> None:
    await store(database, journey(Stream(), 1))
    async with database.transaction(NOW) as work:
        events = (await events_of_leads(work, [lead_id(1)]))[lead_id(1)]
        counts = await read_counts(work, cohort=False, first=None, last=None)
    shown = detail(newest(lead_id(1), events), personal=True)
    assert shown["lead"]["email"] == "person1@example.com"
    assert shown["lead"]["company"] == {
        "name": "Example Corp",
        "domain": "example.com",
        "industry": "software",
        "employees": 250,
    }
    assert shown["stage"] == "converted" and shown["score"]["value"] == 80 and shown["assignment"]["owner"] == "ann"
    assert [o["stage"] for o in shown["opportunities"]] == ["Qualification"]
    stages = {row["stage"]: row["count"] for row in funnel_table(counts, "stage").rows}
    assert set(stages.values()) == {1} and len(stages) == 6


PRIVATE = ("person1", "example.com", "Lee1", "Ann", "+1415", "Call me", "blue", "Main St", "Tx9", "Example Corp")


async def test_what_is_personal_can_be_taken_out_by_lead(database: Database) -> None:
    """All that is stored of a lead, in every table; its neighbours in the same bundles, and the facts, stay."""
    stream = Stream()
    await store(database, [*journey(stream, 1), *journey(stream, 2), stream.merged(1, 3)])
    before = await shown_to_all(database, 1), await shown_to_all(database, 2)
    async with database.transaction(NOW) as work:
        await forget_leads(work, {lead_id(1): 1})
        bodies = [e for row in await work.fetch("SELECT body FROM bundles") for e in unpack(row["body"])]
        facts = " ".join(row["facts"] for row in await work.fetch("SELECT facts FROM events"))
        assert not await work.fetch("SELECT FROM personal WHERE lead_id = $1", lead_id(1))
    left = " ".join(e.value.decode() for e in bodies if e.lead_id == lead_id(1))
    for private in PRIVATE:
        assert private not in facts and private not in left
    after = await shown_to_all(database, 1), await shown_to_all(database, 2)
    assert after[1] == before[1] and "person2@example.com" in str(after[1])
    assert [e.facts for e in after[0]] == [e.facts for e in before[0]] and not any(e.personal for e in after[0])


async def test_a_lead_that_was_separated_is_itself_again(database: Database) -> None:
    stream = Stream()
    await store(database, [*journey(stream, 1), *journey(stream, 2), stream.merged(1, 2)])
    assert {event.lead_id for event in await shown_to_all(database, 1)} == {lead_id(1), lead_id(2)}
    await store(database, [stream.unmerged(1, 2, 1), stream.unmerged(1, 2, 2), stream.unmerged(1, 9, 9)])
    ours, theirs = (
        newest(lead_id(1), await shown_to_all(database, 1)),
        newest(lead_id(2), await shown_to_all(database, 2)),
    )
    assert ours.merged_ids == theirs.merged_ids == []
    assert detail(ours, personal=True)["lead_version"] == detail(theirs, personal=True)["lead_version"] == 3
    assert detail(theirs, personal=True)["lead"]["email"] == "person2@example.com"
    async with database.transaction(NOW) as work:
        assert await recount(work) == []
        assert {lead_id for lead_id, _ in await page_of_leads(work, None, 10)} == {lead_id(1), lead_id(2), lead_id(9)}


async def shown_to_all(database: Database, n: int) -> list[StoredEvent]:
    async with database.transaction(NOW) as work:
        return (await events_of_leads(work, [lead_id(n)]))[lead_id(n)]


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_and_any_redelivery_give_the_same_state(database: Database, seed: int) -> None:
    """Order, batching and repeats never matter: the tables are those of one delivery in order, and P9 holds."""
    rng = random.Random(seed)
    stream = Stream()
    records = [r for n in range(12) for r in journey(stream, n, rng.choice(["website", "ads"]), rng.choice("ABCD"))]
    second = stream.inbound("ads")
    early = stream.captured(second, 3, "merged", version=2, time=instant(day=4))
    lost = stream.inbound("ads")
    records += [second, early, lost, stream.dead_letter(lost), stream.merged(1, 2), stream.merged(0, 1, version=3)]
    again = records + rng.choices(records, k=30)
    rng.shuffle(again)
    for batch in batches(again, rng.choice([1, 7, 40, 200])):
        await store(database, batch)
    shuffled = await snapshot(database)
    async with database.transaction(NOW) as work:
        assert await recount(work) == []
        ledger = await read_ledger(work)
        assert problems(ledger, caught_up=True) == []
        await work.execute(f"TRUNCATE {', '.join(EMPTIED)}")
    await store(database, records)
    assert shuffled == await snapshot(database)


async def test_two_replicas_at_once_count_as_one(database: Database) -> None:
    """Each has partitions of its own; leads, stages, days and sources they share."""
    stream = Stream()
    records = [r for n in range(40) for r in journey(stream, n, "ads" if n % 3 else "website")]
    records += [stream.captured(records[0], n, "merged", version=2, time=instant(day=1 + n % 9)) for n in range(40)]
    shares = [[r for r in records if (hash(r.topic) + r.partition) % 2 == share] for share in range(2)]
    random.Random(1).shuffle(shares[1])

    async def replica(share: list[Record]) -> None:
        for batch in batches(share, 10):
            await store(database, batch)

    await asyncio.gather(*(replica(share) for share in shares))
    async with database.transaction(NOW) as work:
        assert await recount(work) == []


async def test_a_moved_stage_takes_its_count_along(database: Database) -> None:
    stream = Stream()
    inbound = stream.inbound()
    await store(database, [inbound, stream.captured(inbound, 1, time=instant(day=6))])
    await store(database, [stream.captured(inbound, 1, time=instant(day=5))])
    async with database.transaction(NOW) as work:
        table = funnel_table(await read_counts(work, cohort=False, first=None, last=None), "day")
        assert await recount(work) == []
    assert [(row["day"], row["captured"]) for row in table.rows] == [("2026-01-05", 1)]


async def test_recount_notices_a_wrong_count(database: Database) -> None:
    await store(database, journey(Stream(), 1))
    async with database.transaction(NOW) as work:
        await work.execute("UPDATE funnel_daily SET count = 2 WHERE stage = 'routed'")
        differences = await recount(work)
    assert [(d["stage"], d["counted"], d["recounted"]) for d in differences] == [("routed", 2, 1)]


async def test_the_ledger_names_what_is_missing(database: Database) -> None:
    stream = Stream()
    missing, stranger, twice = stream.inbound("ads"), stream.inbound("ads"), stream.inbound("website")
    await store(
        database,
        [missing, stream.captured(stranger, 1), twice, stream.captured(twice, 2), stream.rejected(twice)],
    )
    async with database.transaction(NOW) as work:
        ledger = await read_ledger(work)
    assert [o["offset"] for o in ledger.offenders["in_flight"]] == [missing.offset]
    assert [o["offset"] for o in ledger.offenders["strangers"]] == [stranger.offset]
    assert [sorted(o["outcomes"]) for o in ledger.offenders["doubles"]] == [["new", "rejected"]]
    assert [o["lead_id"] for o in ledger.offenders["not_scored"]] == sorted([lead_id(1), lead_id(2)])
    assert len(problems(ledger, caught_up=True)) == 4
    by_source = {b.source: (b.received, b.in_flight) for b in ledger.balances}
    assert by_source == {"ads": (1, 1), "website": (1, 0)}


async def test_every_outcome_has_its_column(database: Database) -> None:
    stream = Stream()
    ways = [stream.inbound() for _ in range(7)]
    released = stream.inbound()
    await store(
        database,
        [
            *ways, released, stream.captured(ways[0], 1), stream.captured(ways[1], 1, "merged"), stream.rejected(ways[2]),
            stream.dead_letter(ways[3]), stream.settled(ways[4], "quarantined", "suspicious"),
            stream.settled(ways[5], "test", "test lead"), stream.settled(ways[6]), stream.dead_letter(released),
            stream.captured(released, 2), stream.dead_letter(ways[0], "scoring"),
        ],
    )  # fmt: skip
    async with database.transaction(NOW) as work:
        (line,) = (await read_ledger(work)).balances
    assert (line.new, line.merged, line.rejected, line.dead_lettered, line.quarantined, line.test, line.in_flight) == (
        2, 2, 1, 1, 1, 1, 0,
    )  # fmt: skip
    assert line.balanced and line.received == 8


async def test_a_lead_dead_lettered_by_a_stage_is_not_waited_for(database: Database) -> None:
    stream = Stream()
    inbound = stream.inbound()
    captured = stream.captured(inbound, 1)
    await store(database, [inbound, captured, stream.dead_letter(captured, "scoring")])
    async with database.transaction(NOW) as work:
        ledger = await read_ledger(work)
        events = (await events_of_leads(work, [lead_id(1)]))[lead_id(1)]
    assert (ledger.stages[0].dead_lettered, ledger.stages[0].waiting) == (1, 0)
    assert problems(ledger, caught_up=True) == []
    assert [event.type for event in events] == ["lead.captured", "dead_letter"]


async def test_merged_leads_have_one_timeline(database: Database) -> None:
    stream = Stream()
    records = [*journey(stream, 1), *journey(stream, 2), *journey(stream, 3)]
    await store(database, [*records, stream.merged(2, 3), stream.merged(1, 2, version=3)])
    async with database.transaction(NOW) as work:
        assert await surviving(work, lead_id(3)) == lead_id(1)
        events = (await events_of_leads(work, [lead_id(1)]))[lead_id(1)]
    shown = detail(newest(lead_id(1), events), personal=True)
    assert len(events) == 17 and shown["merged_ids"] == sorted([lead_id(2), lead_id(3)])
    assert len(shown["opportunities"]) == 3 and shown["lead_version"] == 3


BAD_VALUES = [
    b"", b"not json", b"[]", b"null", b'"text"', b"{}", b"\xff\xfe", b'{"lead": 5}', b'{"lead": {"lead_id": 5}}',
    b'{"lead": {"lead_id": "x"}, "origin": {}}', b"[" * 2000, b'{"a":' * 300 + b"1" + b"}" * 300,
    b'{"lead": {"lead_id": "00000000-0000-0000-0000-000000000000"}, "origin": {"source": "s"}, "score": []}',
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_VALUES)
@pytest.mark.parametrize("event_type", ["lead.captured", "lead.scored", "", "no.such\x00type"])
async def test_what_cannot_be_read_is_stored_as_it_came(database: Database, value: bytes, event_type: str) -> None:
    stream = Stream()
    bad = stream.record(CAPTURED, event_type, value, key="\x00odd", source="a\x00b")
    await store(database, [bad, *journey(stream, 1), stream.dead_letter(bad, "scoring")])
    parked, events = await count(database, "parked"), await count(database, "events")
    assert (parked, events) in ((2, 0), (1, 1))  # unreadable, or an object of an unknown type, which is an event
    assert await count(database, "parked_values") >= 1


async def test_a_nul_in_a_lead_or_a_score_is_left_out(database: Database) -> None:
    stream = Stream()
    inbound = stream.inbound()
    records = [inbound, stream.captured(inbound, 1), stream.scored(inbound, 1)]
    bad = [r._replace(value=(r.value or b"").replace(b"Example Corp", rb"Ex\u0000\\u0000").replace(b"Industry", rb"\u0000In"))
           for r in records]  # fmt: skip
    await store(database, bad)
    async with database.transaction(NOW) as work:
        assert await recount(work) == []
        events = (await events_of_leads(work, [lead_id(1)]))[lead_id(1)]
    shown = detail(newest(lead_id(1), events), personal=True)
    assert shown["lead"]["company"]["name"] == r"Ex\u0000"
    assert shown["score"]["contributions"][0]["reason"] == "In fits"


async def test_dead_letters_with_nonsense_in_their_headers_are_stored(database: Database) -> None:
    stream = Stream()
    headers = [("dlq-original-offset", b"9" * 40), ("dlq-original-partition", b"-1"), ("dlq-reason", b"\xff\x00"),
               ("dlq-original-topic", b"leads.inbound.v1"), ("dlq-original-topic-id", b"what"), ("x-name", b"Ann")]  # fmt: skip
    await store(database, [stream.record(dead_letter_topic("capture"), "", None, headers=headers)])
    async with database.transaction(NOW) as work:
        (row,) = await list_parked(work, Filters(), after=None, limit=10)
    assert row["offset"] is None and row["partition"] is None and "x-name" not in row["headers"]


@pytest.mark.parametrize("timestamp", [-5, 0, 2**62, 4102444800000])
@pytest.mark.parametrize(
    "time",
    [
        "2026-13-45T99:99:99.000000Z",
        "2026-01-05T10:00:00",
        "9999-12-31T23:59:59.999999Z",
        "0001-01-01T00:00:00.000000Z",
    ],
)
async def test_times_that_no_calendar_holds(database: Database, timestamp: int, time: str) -> None:
    stream = Stream()
    done = {"command_id": lead_id(1), "command": "x", "service": "capture", "status": "done", "completed_at": "?"}
    record = stream.record(COMMANDS_COMPLETED, "command.completed", done, time=time, timestamp=timestamp)
    await store(database, [record])
    await store(database, [record])
    async with database.transaction(NOW) as work:
        (row,) = await work.fetch("SELECT received_at, occurred_at FROM events")
    assert row["received_at"].year >= 1970 and row["occurred_at"].isoformat()


async def test_months_are_created_ahead_once(database: Database) -> None:
    async with database.transaction(NOW) as work:
        await work.fetch("SELECT create_months(date '2030-01-15', 2)")
        again = await work.fetch("SELECT create_months(date '2030-01-15', 3) AS created")
        assert again[0]["created"] == 2
        assert await create_months(work, 1) in (0, 2)
    stream = Stream()
    late = stream.record(SCORED, "x", {"a_id": 1}, timestamp=1894000000000)
    await store(database, [late])
    async with database.transaction(NOW) as work:
        assert (await work.fetch("SELECT count(*) FROM events_2030_01"))[0][0] == 1
        assert (await work.fetch("SELECT count(*) FROM events_default"))[0][0] == 0


async def test_a_month_that_already_has_rows_elsewhere_stays_there(database: Database) -> None:
    await store(database, [Stream().record(SCORED, "x", {"a_id": 1}, timestamp=1925000000000)])
    async with database.transaction(NOW) as work:
        assert (await work.fetch("SELECT create_months(date '2031-01-01', 1)"))[0][0] == 1  # personal has none yet
        assert (await work.fetch("SELECT count(*) FROM events"))[0][0] == 1


async def test_parked_records_are_forgotten_after_their_time(database: Database) -> None:
    stream = Stream()
    inbound = stream.inbound()
    await store(database, [inbound, stream.rejected(inbound), stream.dead_letter(inbound)])
    async with database.transaction(NOW) as work:
        assert await forget_parked(work, NOW - timedelta(days=90)) == 0
        assert await forget_parked(work, NOW) == 2
    assert await count(database, "parked_values") == 0


async def test_events_of_the_same_second_stand_in_their_order(database: Database) -> None:
    stream = Stream()
    inbound = stream.inbound()
    whole = stream.captured(inbound, 1, time="2026-01-05T10:00:00.000000Z")
    await store(database, [stream.scored(inbound, 1, time="2026-01-05T10:00:00.500000Z"), whole])
    async with database.transaction(NOW) as work:
        events = (await events_of_leads(work, [lead_id(1)]))[lead_id(1)]
    assert [event.type for event in events] == ["lead.captured", "lead.scored"]
