"""Conversion's schema goes down and up again with what it holds."""

import asyncio

import pytest

from services.conversion.domain.converting import opportunity_id_of
from shared.persistence import migrations
from tests.support.conversion import MIGRATIONS, Log, lanes, lead_id

pytestmark = pytest.mark.stack


async def test_what_is_held_survives_the_way_down_and_up(dsn: str) -> None:
    log = Log()
    changed = log.change(opportunity_id_of(lead_id(3)), stage="Closed Won", amount="7.50", owner="ben")
    records = [log.routed(1), log.routed(2, value=5), log.routed(3), changed, log.merged(4, 5), log.merged(1, 3)]
    async with lanes(dsn) as (lane,):
        await lane.settle(*records)
        again = await lane.settle(*records)
        before = await lane.contents()
    await asyncio.to_thread(migrations.downgrade, "conversion", MIGRATIONS, dsn, "0001")
    await asyncio.to_thread(migrations.upgrade, "conversion", MIGRATIONS, dsn)
    async with lanes(dsn) as (lane,):
        after = await lane.contents()
        # Version 1 had columns for what is read from the event since.
        assert [row["event"] for row in after.pop("opportunities")] == [
            row["event"] for row in before.pop("opportunities")
        ]
        assert after == before
        assert await lane.settle(*records) == again
        (converted,) = await lane.settle(log.convert(2))
        assert converted.outcome == "done"
        assert (await lane.counts())["opportunities"] == 3


async def test_down_to_nothing_and_up_again(dsn: str) -> None:
    await asyncio.to_thread(migrations.downgrade, "conversion", MIGRATIONS, dsn, "base")
    await asyncio.to_thread(migrations.upgrade, "conversion", MIGRATIONS, dsn)
    async with lanes(dsn) as (lane,):
        assert set((await lane.counts()).values()) == {0}
