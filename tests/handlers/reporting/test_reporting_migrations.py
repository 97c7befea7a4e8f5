"""Reporting's schema goes up, down and up again."""

import asyncio
from datetime import UTC, datetime

from shared.persistence import migrations
from tests.support.reporting import FOLDER, Stream, count, database_of, own_schema, store
from tests.support.stack import Servers


def test_down_and_up_again(servers: Servers) -> None:
    with own_schema(servers) as dsn:
        migrations.downgrade("reporting", FOLDER, dsn, "base")
        migrations.upgrade("reporting", FOLDER, dsn)
        asyncio.run(_works(dsn))


async def _works(dsn: str) -> None:
    stream = Stream()
    inbound = stream.inbound()
    now = int(datetime.now(UTC).timestamp() * 1000)
    async with database_of(dsn) as database:
        await store(database, [inbound, stream.settled(inbound)._replace(timestamp=now)])
        assert await count(database, "events") == 1 and await count(database, "events_default") == 0
