"""Sources that no vocabulary knows, and referrals: by lead, the newest version stands, gone with the person."""

import orjson
import pytest

from services.reporting.adapters.postgres.origins import referral_rows, unmapped_rows
from shared.contracts.topics import ERASED
from shared.handling.records import Record
from shared.persistence.database import Database
from tests.support.erasing import erased
from tests.support.reporting import NOW, Stream, batches, lead_id, store


def saying(record: Record, **fields: str) -> Record:
    event = orjson.loads(record.value or b"")
    return record._replace(value=orjson.dumps({**event, "lead": {**event["lead"], **fields}}))


def said(stream: Stream) -> list[Record]:
    """One lead that was converted and one that was not, by one referrer; a third that says another word later on."""
    referred = {"referrer_ref": "email:lee@example.com"}
    inbound = stream.inbound()
    found = [stream.captured(inbound, 1), stream.converted(inbound, 1)]
    found.append(saying(stream.captured(stream.inbound(), 1, "merged", version=5), **referred))
    found.append(saying(stream.captured(stream.inbound(), 2), source="unmapped", source_raw="fax", **referred))
    found.append(saying(stream.captured(stream.inbound(), 3), source="unmapped", source_raw="telex"))
    found.append(saying(stream.captured(stream.inbound(), 3, "merged", version=2), source="unmapped", source_raw="fax"))
    return found


@pytest.mark.parametrize("size", [1, 100])
async def test_leads_are_counted_once_in_whatever_order_they_come(database: Database, size: int) -> None:
    records = said(Stream())
    for batch in batches([*records[::-1], *records], size):
        await store(database, batch)
    async with database.transaction(NOW) as work:
        assert await unmapped_rows(work) == [{"source_raw": "fax", "leads": 2}]
        assert await referral_rows(work) == [{"referrer": "email:lee@example.com", "referred": 2, "converted": 1}]


async def test_a_referrer_who_was_merged_away_refers_as_the_lead_that_they_are_now(database: Database) -> None:
    stream = Stream()
    for n, by in ((1, 8), (2, 9)):
        await store(database, [saying(stream.captured(stream.inbound(), n), referrer_ref=f"lead:{lead_id(by)}")])
    await store(database, [stream.merged(9, 8)])
    async with database.transaction(NOW) as work:
        assert await referral_rows(work) == [{"referrer": f"lead:{lead_id(9)}", "referred": 2, "converted": 0}]


async def test_a_person_who_is_erased_is_counted_no_more_and_late_words_change_nothing(database: Database) -> None:
    stream = Stream()
    records = said(stream)
    erasure = stream.record(ERASED, "lead.erased", erased(9, lead_id(2)), key=lead_id(2))
    await store(database, [*records, erasure])
    await store(database, [saying(stream.captured(stream.inbound(), 2, "merged", version=8), referrer_ref="lead:7")])
    async with database.transaction(NOW) as work:
        assert await unmapped_rows(work) == [{"source_raw": "fax", "leads": 1}]
        assert [row["referred"] for row in await referral_rows(work)] == [1]
