"""Reporting's tables on real Postgres: one schema for a module's tests, emptied for each."""

from collections.abc import AsyncIterator, Iterator

import pytest

from shared.persistence.database import Database
from tests.support.reporting import database_of, own_schema
from tests.support.stack import Servers


@pytest.fixture(scope="module")
def dsn(servers: Servers) -> Iterator[str]:
    with own_schema(servers) as dsn:
        yield dsn


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with database_of(dsn) as database:
        yield database
