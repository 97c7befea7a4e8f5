"""An erased person leaves the sale: money, stages and ids stay, and downstream systems are told, twice."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from services.conversion.adapters.postgres.erasure import FREE, PERSONAL
from services.conversion.domain.converting import opportunity_id_of
from services.conversion.handlers.redact_people import AGAIN_AFTER
from shared.contracts.events.conversion import OpportunityConverted, OpportunityRedacted
from shared.contracts.topics import CONVERTED, ERASED, SALES_COMMANDS
from shared.handling.outcomes import Produced, Skipped
from tests.support.conversion import NOW, ConversionLane, Log, events, lead_id
from tests.support.erasing import CANARY, erased, remains, tables_of, unaccounted

pytestmark = pytest.mark.stack

EMAIL, PHONE, FIRST, LAST, MESSAGE = CANARY
PERSON: dict[str, Any] = {
    "email": EMAIL, "emails": [EMAIL], "phone": PHONE, "phones": [PHONE], "first_name": FIRST, "last_name": LAST,
    "name": f"{FIRST} {LAST}", "message": MESSAGE, "address": {"street": f"{LAST} Road", "country": "US"},
    "first_touch": {"utm_source": "google", "gclid": MESSAGE, "landing_page": f"/?e={EMAIL}"},
}  # fmt: skip
NOBODYS = {"name": None, "domain": None}
KEPT = (
    "opportunity_id",
    "account_id",
    "contact_id",
    "lead_id",
    "amount",
    "currency",
    "stage",
    "source",
    "score",
    "owner",
)


async def test_every_table_takes_part_or_holds_nothing_of_a_person(lane: ConversionLane, dsn: str) -> None:
    assert unaccounted(await tables_of(dsn, "conversion"), PERSONAL, FREE) == []


async def test_the_sale_stays_and_the_person_goes(lane: ConversionLane, dsn: str) -> None:
    log = Log()
    routed = log.routed(1, **PERSON)
    (first,) = events(await lane.settle(routed), CONVERTED)
    counts = await lane.counts()
    assert await remains(dsn, "conversion") != []
    erasure = log.record(ERASED, "lead.erased", erased(2, lead_id(1)))
    (outcome,) = await lane.settle(erasure)
    (event,) = outcome.events
    said = OpportunityRedacted.model_validate_json(event.data)
    assert (event.topic, event.key.decode(), event.envelope.type) == (CONVERTED, first["opportunity_id"], said.TYPE)
    assert said.event_id == event.envelope.event_id != first["event_id"]
    assert {name: orjson.loads(event.data)[name] for name in KEPT} == {name: first[name] for name in KEPT}
    assert said.lead_snapshot is None and said.first_touch == {"utm_source": "google"} and said.name == "Company 1 Inc"
    assert await remains(dsn, "conversion") == []
    after = await lane.counts()
    assert {**after, "party_keys": 2} == {**counts, "party_keys": 2} and after["party_keys"] == counts["party_keys"] - 2
    assert (await lane.settle(erasure))[0].events == outcome.events
    (again,) = await lane.settle(routed)
    assert OpportunityConverted.model_validate_json(again.events[0].data).event_id == first["event_id"]
    assert EMAIL.encode() not in again.events[0].data


async def test_somebody_without_a_company_is_no_account_any_more(lane: ConversionLane, dsn: str) -> None:
    log = Log()
    await lane.settle(log.routed(1, company=NOBODYS, **PERSON))
    await lane.settle(log.convert(1))
    (event,) = (await lane.settle(log.record(ERASED, "lead.erased", erased(2, lead_id(1)))))[0].events
    assert OpportunityRedacted.model_validate_json(event.data).name == "erased"
    assert await remains(dsn, "conversion") == []
    (account,) = await lane.rows("SELECT facts FROM accounts")
    assert orjson.loads(account["facts"]) == {"name": "erased", "owner": "ann"}


async def test_the_company_of_a_colleague_stays(lane: ConversionLane, dsn: str) -> None:
    log = Log()
    company = {"name": "Nest Inc", "domain": "nest.example", "industry": "birds"}
    await lane.settle(log.routed(1, company=company, **PERSON), log.routed(2, company=company))
    before = (await lane.rows("SELECT facts FROM contacts WHERE facts LIKE '%person2%'"))[0]
    await lane.settle(log.record(ERASED, "lead.erased", erased(2, lead_id(1))))
    (account,) = await lane.rows("SELECT facts FROM accounts")
    facts = orjson.loads(account["facts"])
    assert facts["name"] == "Nest Inc" and "phone" not in facts and "billing_address" not in facts
    assert (await lane.rows("SELECT facts FROM contacts WHERE facts LIKE '%person2%'"))[0] == before
    assert await remains(dsn, "conversion") == []


async def test_what_comes_late_is_not_kept_and_not_converted(lane: ConversionLane, dsn: str) -> None:
    log = Log()
    late = [log.routed(1, 9, **PERSON), log.merged(1, 2, 2), log.routed(2, **PERSON)]
    await lane.settle(log.record(ERASED, "lead.erased", erased(3, lead_id(1), lead_id(2))))
    first, merged, second = await lane.settle(*late)
    assert first == Skipped("erased", subject=lead_id(1)) and merged == Produced("merged", subject=lead_id(1))
    assert isinstance(second, Skipped)
    (refused,) = await lane.settle(log.convert(1))
    assert refused.reason == "erased"
    assert await remains(dsn, "conversion") == []
    assert (await lane.counts())["opportunities"] == 0


async def test_it_is_said_once_more_when_the_segment_is_closed(lane: ConversionLane) -> None:
    log = Log()
    await lane.settle(log.routed(1, **PERSON))
    (first,) = await lane.settle(log.record(ERASED, "lead.erased", erased(2, lead_id(1))))
    (timer,) = await lane.rows("SELECT timer_id::text, generation, kind, subject::text, due_at, payload FROM timers")
    opportunity_id = opportunity_id_of(lead_id(1))
    assert (timer["kind"], timer["subject"], timer["due_at"]) == (
        "opportunity.redact",
        opportunity_id,
        NOW + AGAIN_AFTER,
    )
    assert timedelta(days=1) < AGAIN_AFTER
    data = {
        "opportunity_id": opportunity_id, "timer_id": timer["timer_id"], "generation": timer["generation"],
        "due_at": "2026-01-06T11:00:00Z",
    }  # fmt: skip
    due = log.record(SALES_COMMANDS, "opportunity.redact", orjson.dumps(data))
    twice = log.record(SALES_COMMANDS, "opportunity.redact", orjson.dumps(data))
    (second,) = await lane.settle(due)
    (third,) = await lane.settle(twice)
    (one,), (other,) = first.events, second.events
    assert one.envelope.event_id != other.envelope.event_id and one.key == other.key
    assert {**orjson.loads(one.data), "event_id": ""} == {**orjson.loads(other.data), "event_id": ""}
    assert third == Skipped("timer_not_live")
