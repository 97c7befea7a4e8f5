"""What people do, in reporting: the books of events, and the timeline of a lead."""

import pytest

from services.reporting.adapters.postgres.funnel import recount
from services.reporting.adapters.postgres.leads import events_of_leads
from services.reporting.adapters.postgres.ledger import read_ledger
from services.reporting.adapters.postgres.materials import material_rows
from services.reporting.domain.leads import timeline
from services.reporting.domain.ledger import BehaviourBalance, problems
from shared.handling.records import Record
from shared.persistence.database import Database
from tests.support.reporting import NOW, Stream, batches, lead_id, snapshot, store
from tests.support.reporting_behaviour import behaved, corrected, observed, settled


def events_with_every_fate(stream: Stream) -> list[Record]:
    found: list[Record] = []
    for fate in ("anonymous", "rejected", "repeated", "test"):
        inbound = observed(stream)
        found += [inbound, settled(stream, inbound, fate)]
    inbound = observed(stream)
    found += [inbound, behaved(stream, inbound, 1)]
    later = observed(stream)
    found += [later, settled(stream, later), behaved(stream, later, 1, second=5)]
    dead = observed(stream, "mailer")
    found += [dead, stream.dead_letter(dead)]
    replayed = observed(stream, "mailer")
    found += [replayed, stream.dead_letter(replayed), behaved(stream, replayed, 2, "mail.opened")]
    return found


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_every_event_is_in_the_books_once_whatever_came_first(database: Database, size: int) -> None:
    records = events_with_every_fate(Stream())
    for batch in batches([*records[::-1], *records], size):
        await store(database, batch)
    async with database.transaction(NOW) as work:
        findings = await read_ledger(work)
        assert await recount(work) == []
    assert list(findings.behaviour) == [
        BehaviourBalance("mailer", 2, 1, 0, 0, 0, 0, 1, 0),
        BehaviourBalance("site", 6, 2, 1, 1, 1, 1, 0, 0),
    ]
    assert findings.balances == [] and problems(findings, caught_up=True) == []


async def test_an_event_that_nobody_settled_is_named(database: Database) -> None:
    inbound = observed(Stream())
    await store(database, [inbound])
    async with database.transaction(NOW) as work:
        findings = await read_ledger(work)
    assert problems(findings, caught_up=True) == ["site: 1 events without an outcome"]
    (offender,) = findings.offenders["events_in_flight"]
    assert (offender["topic"], offender["offset"]) == (inbound.topic, inbound.offset)


async def test_the_timeline_shows_what_a_lead_did_in_the_order_in_which_it_happened(database: Database) -> None:
    stream = Stream()
    submission = stream.inbound()
    late, early = observed(stream), observed(stream)
    properties = {"url": "https://example.com/pricing"}
    records = [
        submission,
        stream.captured(submission, 1, time="2026-01-05T10:00:03Z"),
        behaved(stream, late, 1, "call.made", second=9),
        behaved(stream, early, 1, second=1, category="pricing", dwell_s=12.5, properties=properties),
    ]
    await store(database, records)
    before = await snapshot(database)
    await store(database, records)
    assert await snapshot(database) == before
    async with database.transaction(NOW) as work:
        events = (await events_of_leads(work, [lead_id(1)]))[lead_id(1)]
    shown = timeline(events, personal=True)
    assert [e["type"] for e in shown] == ["lead.behaved", "lead.captured", "lead.behaved"]
    assert (shown[0]["facts"]["category"], shown[0]["facts"]["dwell_s"]) == ("pricing", 12.5)
    assert shown[0]["personal"]["properties"] == properties
    assert timeline(events, personal=False)[0]["personal"]["properties"] == {"url": "***"}


async def test_behaviour_survives_a_merge_under_the_winner(database: Database) -> None:
    stream = Stream()
    await store(
        database,
        [behaved(stream, observed(stream), 1), behaved(stream, observed(stream), 2), stream.merged(1, 2)],
    )
    async with database.transaction(NOW) as work:
        events = (await events_of_leads(work, [lead_id(1)]))[lead_id(1)]
    assert sorted(e.lead_id for e in events if e.type == "lead.behaved") == [lead_id(1), lead_id(2)]


async def test_materials_show_what_they_moved_whatever_order_it_came_in(database: Database) -> None:
    stream = Stream()
    records: list[Record] = []
    for n in (1, 2, 3, 4):
        inbound = stream.inbound()
        records.append(stream.captured(inbound, n))
        if n in (1, 4):
            records.append(stream.converted(inbound, n))
    for n, step in ((1, "sent"), (1, "opened"), (2, "sent"), (2, "opened"), (5, "replied")):
        second = -1 if step == "sent" else 0
        records.append(behaved(stream, observed(stream), n, f"material.{step}", max(second, 0), material_id="brochure"))
    wrong = records[-2]
    records += [stream.merged(2, 5), corrected(stream, wrong, 2)]
    for batch in batches([*records, *records], 4):
        await store(database, batch)
    async with database.transaction(NOW) as work:
        (row,) = await material_rows(work, None, None)
    assert (row["material"], row["sent"], row["opened"], row["replied"], row["leads"]) == ("brochure", 2, 1, 1, 2)
    assert (row["converted"], row["rate_percent"], row["rate_without_percent"], row["lift"]) == (1, 50.0, 50.0, 1.0)
    assert row["influenced"] == "5.00 USD"
