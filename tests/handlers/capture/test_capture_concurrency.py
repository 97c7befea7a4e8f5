"""Two workers that get one person at the same time make one lead."""

import asyncio

import pytest

from tests.support.capture import Bench, record
from tests.support.stack import Servers

pytestmark = pytest.mark.stack


async def test_one_person_at_two_workers_is_one_lead(own: Servers) -> None:
    one, two = Bench(own.postgres), Bench(own.postgres)
    try:
        people = [{"email": f"p{n}@example.com", "phone": f"+1415555{n:04d}"} for n in range(200)]
        forwards = [record(n, person) for n, person in enumerate(people)]
        backwards = [record(n, person, partition=1, source="ads") for n, person in enumerate(reversed(people))]
        await asyncio.gather(one.settle(*forwards), two.settle(*backwards))
        (leads,) = await one.fetch("SELECT count(*), min(lead_version), max(lead_version) FROM leads")
        assert tuple(leads) == (200, 2, 2)
        receipts = await one.receipts()
        assert sorted(r["outcome"] for r in receipts) == ["merged"] * 200 + ["new"] * 200
    finally:
        await one.database.dispose()
        await two.database.dispose()
