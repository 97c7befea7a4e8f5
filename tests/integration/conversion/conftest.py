"""A database of the test's own with conversion's schema, and lanes on it, without Kafka's topics."""

from collections.abc import AsyncIterator

import pytest

from tests.support.conversion import ConversionLane, lanes, migrated
from tests.support.stack import Servers, create_database, drop_database


@pytest.fixture
async def dsn(servers: Servers) -> AsyncIterator[str]:
    mine = await create_database(servers.postgres)
    await migrated(mine)
    yield mine
    await drop_database(servers.postgres, mine)


@pytest.fixture
async def lane(dsn: str) -> AsyncIterator[ConversionLane]:
    async with lanes(dsn) as (one,):
        yield one
