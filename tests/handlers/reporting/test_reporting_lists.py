"""Lists of people: rows by the list that they came on, people by their first list, money by currency."""

from typing import Any

import orjson
import pytest

from services.reporting.adapters.postgres.lists import list_rows
from shared.contracts.commands.capture import LIST_HEADER
from shared.contracts.topics import CAPTURED, ERASED, INBOUND_BULK
from shared.handling.records import Record
from shared.persistence.database import Database
from tests.support.erasing import erased
from tests.support.reporting import NOW, Stream, batches, lead_id, store

CFOS = {"name": "CFOs 2026", "vendor": "Data Inc", "cost": {"amount": "500", "currency": "EUR"}}
CTOS = {"name": "CTOs", "vendor": "Data Inc", "cost": {"amount": "90", "currency": "USD"}}


def saying(record: Record, **fields: Any) -> Record:
    event = orjson.loads(record.value or b"")
    return record._replace(value=orjson.dumps({**event, "lead": {**event["lead"], **fields}}))


def row_of(stream: Stream, listed: dict[str, Any], *, as_header: bool = True) -> Record:
    """A row of an import, or a submission that names its list."""
    record = stream.inbound("fair", topic=INBOUND_BULK)
    named = {name: listed[name] for name in ("name", "vendor")}
    if as_header:
        return record._replace(headers=[*record.headers, (LIST_HEADER, orjson.dumps(named))])
    return record._replace(value=orjson.dumps({"email": "ann@example.com", "list": {**named, "cost": "500 EUR"}}))


def won(record: Record, amount: str) -> Record:
    return record._replace(
        value=orjson.dumps({**orjson.loads(record.value or b""), "amount": amount, "currency": "USD"})
    )


def season(stream: Stream) -> list[Record]:
    """Two lists: of the first, two new leads, one merged, one refused, one in quarantine; of the second, one merged."""
    rows = [row_of(stream, CFOS, as_header=n % 2 == 0) for n in range(5)]
    found = [*rows, row_of(stream, CTOS)]
    found.append(saying(stream.captured(rows[0], 1), list=CFOS))
    found.append(saying(stream.captured(rows[1], 2), list=CFOS))
    found.append(saying(stream.captured(rows[2], 2, "merged", version=2), list=CFOS))
    found.append(stream.rejected(rows[3]))
    found.append(stream.settled(rows[4], "quarantined", "honeypot"))
    found.append(saying(stream.captured(found[5], 1, "merged", version=2), list=CFOS))
    found += [stream.converted(rows[0], 1), won(stream.changed(1, "Closed Won"), "750.50")]
    return found


async def table(database: Database, by: Any = "list") -> list[dict[str, Any]]:
    async with database.transaction(NOW) as work:
        return await list_rows(work, by)


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_what_came_what_became_of_it_what_it_cost_and_brought(database: Database, size: int) -> None:
    records = season(Stream())
    for batch in batches([*records[::-1], *records], size):
        await store(database, batch)
    cfos, ctos = await table(database)
    assert cfos == {
        "list": "CFOs 2026", "vendor": "Data Inc", "rows": 5, "new": 2, "merged": 1, "rejected": 1, "quarantined": 1,
        "leads": 2, "bounced_percent": 0.0, "verified_percent": 0.0, "converted": 1, "converted_percent": 50.0,
        "cost": "500 EUR", "cost_per_lead": "250.00 EUR", "cost_per_conversion": "500.00 EUR", "won": "750.50 USD",
    }  # fmt: skip
    assert (ctos["list"], ctos["rows"], ctos["merged"], ctos["leads"], ctos["cost_per_lead"]) == ("CTOs", 1, 1, 0, "")


async def test_by_vendor_its_lists_are_together_and_currencies_are_not_added_up(database: Database) -> None:
    stream = Stream()
    await store(database, [*season(stream), saying(stream.captured(row_of(stream, CTOS), 3), list=CTOS)])
    (vendor,) = await table(database, "vendor")
    assert "list" not in vendor
    assert (vendor["rows"], vendor["leads"], vendor["cost"]) == (6, 3, "500 EUR, 90 USD")


async def test_a_deal_that_is_open_or_lost_again_brought_nothing(database: Database) -> None:
    stream = Stream()
    await store(database, [*season(stream), won(stream.changed(1, "Closed Lost", version=3), "750.50")])
    assert (await table(database))[0]["won"] == ""


async def test_a_refused_row_that_was_replayed_is_refused_no_more(database: Database) -> None:
    stream = Stream()
    records = season(stream)
    await store(database, [*records, saying(stream.captured(records[3], 4), list=CFOS)])
    cfos = (await table(database))[0]
    assert (cfos["rejected"], cfos["new"], cfos["leads"]) == (0, 3, 3)


async def test_people_are_counted_once_when_they_are_merged_and_apart_again_afterwards(database: Database) -> None:
    stream = Stream()
    await store(database, season(stream))
    await store(database, [saying(stream.merged(1, 2, version=3), list=CFOS)])
    cfos = (await table(database))[0]
    assert (cfos["leads"], cfos["converted"], cfos["new"]) == (1, 1, 2)
    apart = [saying(stream.unmerged(1, 2, about, version=4), list=CFOS) for about in (1, 2)]
    await store(database, apart)
    assert (await table(database))[0]["leads"] == 2


async def test_a_lead_that_had_a_list_by_a_merge_only_has_none_when_that_is_taken_back(database: Database) -> None:
    stream = Stream()
    await store(
        database, [stream.captured(stream.inbound(), 7), saying(stream.captured(row_of(stream, CFOS), 8), list=CFOS)]
    )
    await store(database, [saying(stream.merged(7, 8), list=CFOS)])
    assert (await table(database))[0]["leads"] == 1
    await store(database, [stream.unmerged(7, 8, 7), saying(stream.unmerged(7, 8, 8), list=CFOS)])
    assert (await table(database))[0]["leads"] == 1


async def test_an_erasure_leaves_counts_and_money(database: Database) -> None:
    stream = Stream()
    await store(database, season(stream))
    before = await table(database)
    await store(database, [stream.record(ERASED, "lead.erased", erased(9, lead_id(1)), key=lead_id(1))])
    assert await table(database) == before


async def test_bounces_and_verifications_are_of_the_newest_version(database: Database) -> None:
    stream = Stream()
    records = season(stream)
    changed = {
        "change": "verified", "reason": "hygiene", "author": "x", "details": {"confirmed": ["phone"]},
        "changed_at": "2026-01-05T10:00:00Z", "lead_version": 5,
        "lead": {**orjson.loads(records[6].value or b"")["lead"], "contactable": {"email": False, "any": True, "reasons": {"email": "bounced"}}},
    }  # fmt: skip
    await store(database, [*records, stream.record(CAPTURED, "lead.changed", changed, key=lead_id(1))])
    cfos = (await table(database))[0]
    assert (cfos["bounced_percent"], cfos["verified_percent"]) == (50.0, 50.0)


async def test_what_names_no_list_is_no_list(database: Database) -> None:
    stream = Stream()
    odd = [b'{"list": "x"}', b'{"list": {"name": " "}}', b'{"list":', b'{"list": {"name": 7}}', b'\xff"list":']
    await store(database, [stream.inbound()._replace(value=value) for value in odd])
    broken = stream.inbound()
    await store(database, [broken._replace(headers=[*broken.headers, (LIST_HEADER, b"{")])])
    assert await table(database) == []
