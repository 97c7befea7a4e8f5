"""Routed leads become opportunities, once, on real Postgres."""

import asyncio
import random
from datetime import timedelta

import orjson
import pytest

from shared.contracts.events.conversion import OpportunityChanged, OpportunityConverted
from shared.contracts.topics import CHANGED, CONVERTED
from shared.handling.outcomes import Produced, Rejected, Skipped
from tests.support.conversion import NOW, ConversionLane, Log, events, lanes, lead, lead_id, run_statement
from tests.support.undecodable import HERE, UNDECODABLE, holding

pytestmark = pytest.mark.stack


async def test_a_good_lead_becomes_account_contact_and_opportunity(lane: ConversionLane) -> None:
    record = Log().routed(1)
    (outcome,) = await lane.settle(record)

    assert isinstance(outcome, Produced) and outcome.outcome == "converted" and outcome.subject == lead_id(1)
    said, changed = outcome.events
    data = OpportunityConverted.model_validate_json(said.data, strict=True)
    assert said.envelope.event_id == data.event_id and said.key == data.opportunity_id.encode()
    assert said.envelope.time == data.converted_at == "2026-01-05T10:00:00Z"
    assert (data.name, data.stage, data.probability) == ("Company 1 Inc", "Prospecting", 10)
    assert (data.amount, data.currency, data.owner, data.queue) == ("50000.50", "USD", "ann", None)
    assert data.lines[0].product == "crm" and data.first_touch == lead(1)["first_touch"]
    assert data.lead_snapshot == lead(1) and data.account_created and data.contact_created
    assert data.reason.trigger == "gate" and data.reason.met[0] == "a score of 60 or more"
    assert "lead.company.name -> account.name" in data.fields_mapped
    created = OpportunityChanged.model_validate_json(changed.data, strict=True)
    assert (created.change, created.opportunity_version) == ("created", 1)
    assert changed.key == said.key
    counts = await lane.counts()
    assert counts.pop("party_keys") == 4 and set(counts.values()) == {1}  # two keys each for account and contact
    account = orjson.loads((await lane.rows("SELECT facts FROM accounts"))[0]["facts"])
    assert account["domain"] == "company1.example" and account["billing_address"]["city"] == "Springfield"


async def test_a_closed_gate_names_what_is_missing_and_opens_with_a_newer_event(lane: ConversionLane) -> None:
    log = Log()
    (closed,) = await lane.settle(log.routed(1, value=40, company={}))
    assert closed.outcome == "gate_closed" and closed.events == ()
    assert closed.detail == {"missing": ("a score of 60 or more", "a company"), "gate": 1}
    (stored,) = await lane.rows("SELECT detail::text FROM decisions")
    assert orjson.loads(stored["detail"])["missing"] == ["a score of 60 or more", "a company"]

    (opened,) = await lane.settle(log.routed(1, 2, value=60))
    assert opened.outcome == "converted"


async def test_a_converted_lead_is_never_converted_again(lane: ConversionLane) -> None:
    log = Log()
    await lane.settle(log.routed(1))
    before = await lane.counts()
    (again,) = await lane.settle(log.routed(1, 2))
    assert again == Skipped("already_converted", subject=lead_id(1))
    assert await lane.counts() == before


async def test_an_older_event_changes_nothing_and_the_newest_parts_decide(lane: ConversionLane) -> None:
    log = Log()
    await lane.settle(log.routed(1, 3, value=10))
    before = await lane.contents()
    (late,) = await lane.settle(log.routed(1, 2, value=90))
    assert late == Skipped("superseded", subject=lead_id(1))
    assert await lane.contents() == before


async def test_a_mixed_event_is_judged_by_the_newest_of_each_part(lane: ConversionLane) -> None:
    log = Log()
    await lane.settle(log.routed(1, 5, value=10, title="Newest"))
    raw = orjson.loads(log.routed(1, 4, value=90, title="Older").value or b"")
    raw["score_version"] = 6
    (outcome,) = await lane.settle(log.record("leads.routed.v1", "lead.routed", orjson.dumps(raw)))
    data = events([outcome], CONVERTED)[0]
    assert data["lead_snapshot"]["title"] == "Newest" and data["score"]["value"] == 90


async def test_of_several_events_in_a_batch_the_newest_decides_once(lane: ConversionLane) -> None:
    log = Log()
    outcomes = await lane.settle(log.routed(1, 1), log.routed(1, 3, title="Third"), log.routed(1, 2))
    assert [getattr(o, "outcome", None) or o.reason for o in outcomes] == ["superseded", "converted", "superseded"]
    assert events(outcomes, CONVERTED)[0]["lead_snapshot"]["title"] == "Third"


async def test_redelivery_publishes_the_same_bytes_and_changes_nothing(dsn: str) -> None:
    log = Log()
    records = [log.routed(1), log.routed(2, value=5), log.routed(3), log.convert(2), log.routed(1, 2)]
    async with lanes(dsn) as (lane,):
        first = await lane.settle(*records)
        before = await lane.contents()
    async with lanes(dsn, clock=lambda: NOW + timedelta(hours=1)) as (lane,):
        second = await lane.settle(*records)
        assert await lane.contents() == before

    def sent(outcomes: list[object]) -> list[object]:
        return [getattr(outcome, "events", ()) for outcome in outcomes]

    assert sent(second) == sent(first)
    assert len(events(first, CONVERTED)) == 3


async def test_two_leads_of_one_company_in_a_batch_meet_in_one_account(lane: ConversionLane) -> None:
    log = Log()
    company = lead(1)["company"]
    outcomes = await lane.settle(log.routed(1), log.routed(2, company=company), log.routed(3, company=company))
    said = events(outcomes, CONVERTED)
    assert len({data["account_id"] for data in said}) == 1
    assert sorted(data["account_created"] for data in said) == [False, False, True]
    assert (await lane.counts())["contacts"] == 3


@pytest.mark.parametrize("company", [{}, {"name": " "}, None])
async def test_without_a_company_the_account_is_named_by_the_person(lane: ConversionLane, company: object) -> None:
    log = Log()
    await lane.settle(log.routed(1, company=company))
    outcomes = await lane.settle(log.convert(1))
    assert outcomes[0].outcome == "done"
    (account,) = await lane.rows("SELECT facts FROM accounts")
    assert orjson.loads(account["facts"])["name"] == "Ann Lee1"
    assert events(outcomes, CONVERTED)[0]["name"] == "Ann Lee1"


async def test_existing_parties_are_filled_and_never_overwritten(lane: ConversionLane) -> None:
    log = Log()
    bare = {"name": "Acme", "name_key": "acme"}
    await lane.settle(log.routed(1, company=bare, title=None, address=None))
    full = {**bare, "domain": "acme.example", "industry": "steel", "name": "ACME!"}
    same_person = {name: lead(1)[name] for name in ("email", "emails", "phone", "phones", "last_name")}
    (outcome,) = await lane.settle(log.routed(2, company=full, title="CEO", first_name="Anna", **same_person))

    (data,) = events([outcome], CONVERTED)
    assert not data["account_created"] and not data["contact_created"]
    (account,) = await lane.rows("SELECT facts FROM accounts")
    facts = orjson.loads(account["facts"])
    assert (facts["name"], facts["domain"], facts["industry"]) == ("Acme", "acme.example", "steel")
    (contact,) = await lane.rows("SELECT facts FROM contacts")
    facts = orjson.loads(contact["facts"])
    assert (facts["first_name"], facts["title"]) == ("Ann", "CEO")
    assert "lead.title -> contact.title" in data["fields_mapped"]
    assert "lead.first_name -> contact.first_name" not in data["fields_mapped"]
    found = await lane.rows(
        "SELECT DISTINCT party_id FROM party_keys WHERE key IN ('name:acme', 'domain:acme.example')"
    )
    assert len(found) == 1


async def test_free_mail_and_page_hosts_never_join_companies(lane: ConversionLane) -> None:
    log = Log()
    one = {"name": "One", "name_key": "one", "domain": "gmail.com"}
    two = {"name": "Two", "name_key": "two", "domain": "gmail.com"}
    three = {"name": "Three", "name_key": "three", "domain": "facebook.com"}
    outcomes = await lane.settle(log.routed(1, company=one), log.routed(2, company=two), log.routed(3, company=three))
    assert len({data["account_id"] for data in events(outcomes, CONVERTED)}) == 3
    assert await lane.rows("SELECT 1 FROM party_keys WHERE key LIKE 'domain:%'") == []


async def test_all_three_or_none(dsn: str, lane: ConversionLane) -> None:
    """F32: a constraint fails the opportunity after account and contact were written."""
    await run_statement(
        dsn, "ALTER TABLE opportunities ADD CONSTRAINT failpoint CHECK (strpos(encode(event, 'escape'), 'Poison') = 0)"
    )
    log = Log()
    poison = {"name": "Poison", "name_key": "poison"}
    outcomes = await lane.settle(log.routed(1), log.routed(2, company=poison), log.routed(3))
    assert isinstance(outcomes[1], Rejected) and outcomes[1].reason == "processing_failed"
    assert [o.outcome for o in (outcomes[0], outcomes[2])] == ["converted", "converted"]
    counts = await lane.counts()
    assert {counts[table] for table in ("accounts", "contacts", "opportunities", "leads")} == {2}
    assert await lane.rows("SELECT 1 FROM party_keys WHERE key = 'name:poison'") == []


async def test_eight_writers_meet_in_one_account(dsn: str) -> None:
    """Each writer converts 25 leads of the same five companies, in an order of its own."""
    async with lanes(dsn, 8) as all_lanes:
        work = []
        for number, lane in enumerate(all_lanes):
            log = Log(f"writer {number}", topic_id=f"00000000-0000-0000-0000-0000000000{number:02d}")
            numbers = list(range(number * 100, number * 100 + 25))
            random.Random(number).shuffle(numbers)
            work.append(lane.settle(*(log.routed(n, company=lead(n % 5)["company"]) for n in numbers)))
        outcomes = [outcome for batch in await asyncio.gather(*work) for outcome in batch]
        counts = await all_lanes[0].counts()
    assert {o.outcome for o in outcomes} == {"converted"}
    assert (counts["accounts"], counts["opportunities"], counts["contacts"]) == (5, 200, 200)
    assert sum(data["account_created"] for data in events(outcomes, CONVERTED)) == 5
    assert len(events(outcomes, CHANGED)) == 200


async def test_writers_lock_known_accounts_in_one_order(dsn: str) -> None:
    """Each writer's leads belong to the same sixty accounts; a deadlock would be an error here."""
    companies = [lead(n)["company"] for n in range(60)]
    async with lanes(dsn, 4) as all_lanes:
        await all_lanes[0].settle(*(Log("setup", n).routed(n) for n in range(60)))
        for turn in range(3):
            work = []
            for number, lane in enumerate(all_lanes):
                log = Log(f"{turn} {number}", topic_id=f"00000000-0000-0000-0000-0000000{turn:02d}{number:03d}")
                first = 1000 * (4 * turn + number + 1)
                records = [log.routed(first + n, company=company) for n, company in enumerate(companies)]
                work.append(lane.settle(*records))
            await asyncio.gather(*work)
        counts = await all_lanes[0].counts()
    assert (counts["accounts"], counts["opportunities"]) == (60, 60 + 3 * 4 * 60)


async def test_a_lead_without_an_id_is_refused_by_place(lane: ConversionLane) -> None:
    log = Log()
    raw = orjson.loads(log.routed(1).value or b"")
    raw["lead"]["lead_id"] = "x"
    (outcome,) = await lane.settle(log.record("leads.routed.v1", "lead.routed", orjson.dumps(raw)))
    assert isinstance(outcome, Rejected) and (outcome.reason, outcome.place) == ("invalid_contract", "lead")


async def test_what_is_no_json_is_never_published(lane: ConversionLane) -> None:
    log = Log()
    value = (log.routed(1).value or b"").replace(b'"reason":"Decides"', b'"reason":"Dec"ides"')
    assert b'"Dec"ides"' in value
    outcomes = await lane.settle(log.record("leads.routed.v1", "lead.routed", value), log.routed(2))
    assert isinstance(outcomes[0], Rejected) and outcomes[1].outcome == "converted"
    assert (await lane.counts())["opportunities"] == 1


@pytest.mark.parametrize("part", UNDECODABLE.values(), ids=UNDECODABLE)
async def test_what_nobody_could_decode_is_refused(lane: ConversionLane, part: bytes) -> None:
    log = Log()
    raw = orjson.loads(log.routed(1).value or b"")
    raw["lead"]["extra"] = {"size": HERE}
    (outcome,) = await lane.settle(log.record("leads.routed.v1", "lead.routed", holding(raw, part)))
    assert outcome == Rejected("invalid_contract", exception="JSONDecodeError")
