"""One database for the module, emptied for each test."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.routing import Desk, emptied, own_schema
from tests.support.stack import Servers, drop_database


@pytest.fixture(scope="module")
def routing_dsn(servers: Servers) -> Iterator[str]:
    dsn = asyncio.run(own_schema(servers.postgres))
    yield dsn
    asyncio.run(drop_database(servers.postgres, dsn))


@pytest.fixture
async def desk(routing_dsn: str) -> AsyncIterator[Desk]:
    database = await emptied(routing_dsn)
    yield Desk(database)
    await database.dispose()
