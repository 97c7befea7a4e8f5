"""Conversion's schema goes down and up again with what it holds."""

import asyncio

import pytest

from shared.persistence import migrations
from tests.support.conversion import MIGRATIONS, Log, lanes

pytestmark = pytest.mark.stack


async def test_what_is_held_survives_the_way_down_and_up(dsn: str) -> None:
    log = Log()
    records = [log.routed(1), log.routed(2, value=5), log.routed(3), log.merged(4, 5), log.merged(1, 3)]
    async with lanes(dsn) as (lane,):
        first = await lane.settle(*records)
        before = await lane.contents()
    await asyncio.to_thread(migrations.downgrade, "conversion", MIGRATIONS, dsn, "0001")
    await asyncio.to_thread(migrations.upgrade, "conversion", MIGRATIONS, dsn)
    async with lanes(dsn) as (lane,):
        assert await lane.contents() == before
        assert [getattr(o, "events", ()) for o in await lane.settle(*records)] == [o.events for o in first]
        (converted,) = await lane.settle(log.convert(2))
        assert converted.outcome == "done"
        assert (await lane.counts())["opportunities"] == 3


async def test_down_to_nothing_and_up_again(dsn: str) -> None:
    await asyncio.to_thread(migrations.downgrade, "conversion", MIGRATIONS, dsn, "base")
    await asyncio.to_thread(migrations.upgrade, "conversion", MIGRATIONS, dsn)
    async with lanes(dsn) as (lane,):
        assert set((await lane.counts()).values()) == {0}
