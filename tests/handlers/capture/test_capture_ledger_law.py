"""The ledger's law: whatever comes in, in whatever batches and however often, each record has one receipt."""

import asyncio
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.handling.records import Record
from tests.support.capture import Bench, create_schema, record
from tests.support.stack import Servers, dispose, fresh

pytestmark = pytest.mark.stack

VALUES = st.sampled_from(
    [
        {"email": "a@b.com"},
        {"email": "a@b.com", "phone": "+14155550100", "first_name": "Ann"},
        {"phone": "+14155550100", "first_name": "Bob"},
        {"external_id": "7", "email": "c@d.com"},
        {"external_id": "7"},
        {"email": "c@d.com", "test": True},
        {"first_name": "Nobody"},
        b"{",
        b"",
        None,
    ]
)
RECORDS = st.lists(
    st.tuples(VALUES, st.sampled_from(["web", "ads"]), st.sampled_from(["1", "2", None, None, None]), st.booleans()),
    max_size=14,
)
OUTCOMES = {"new", "merged", "rejected", "dead_lettered", "test"}


async def check(servers: Servers, records: list[Record], cut: int) -> None:
    bench = Bench(servers.postgres)
    try:
        tables = "leads, identities, identity_shares, receipts, decisions, marks"
        async with bench.database.transaction(bench.now) as work:
            await work.execute(f"TRUNCATE {tables}")
        for batch in (records[:cut], records[cut:], records[:cut], records):
            if batch:
                await bench.settle(*batch)
        receipts = await bench.receipts()
        assert [r["offset"] for r in receipts] == [one.offset for one in records]
        counts = Counter(r["outcome"] for r in receipts)
        assert set(counts) <= OUTCOMES
        leads = await bench.fetch("SELECT lead_id::text, lead_version FROM leads")
        assert counts["new"] == len(leads)
        applied = counts["new"] + sum(r["outcome"] == "merged" and r["reason"] != "repeated_event" for r in receipts)
        assert applied == sum(lead["lead_version"] for lead in leads)
        assert {r["lead_id"] for r in receipts if r["lead_id"]} == {lead["lead_id"] for lead in leads}
        await every_link_is_of_a_lead(bench)
    finally:
        await bench.database.dispose()


async def every_link_is_of_a_lead(bench: Bench) -> None:
    links = "SELECT lead_id FROM identities UNION ALL SELECT lead_id FROM identity_shares"
    sql = f"SELECT 1 FROM ({links}) l LEFT JOIN leads USING (lead_id) WHERE leads.lead_id IS NULL"
    assert not await bench.fetch(sql)


@pytest.fixture(scope="module")
def shared_database(servers: Servers) -> "object":
    """One database for all examples; tables are emptied between them."""
    mine = asyncio.run(fresh(servers))
    asyncio.run(create_schema(mine.postgres))
    yield mine
    asyncio.run(dispose(mine, servers))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(RECORDS, st.integers(0, 14))
def test_each_record_has_one_receipt(
    shared_database: Servers, drawn: list[tuple[object, str, str | None, bool]], cut: int
) -> None:
    records = [
        record(n, value, source=source, ce_id=ce_id, record_type="lead.odd" if odd and n % 5 == 0 else "lead.submitted")  # type: ignore[arg-type]
        for n, (value, source, ce_id, odd) in enumerate(drawn)
    ]
    asyncio.run(check(shared_database, records, min(cut, len(records))))
