"""A database with conversion's schema for one test at a time, and lanes on it, without Kafka's topics."""

from collections.abc import AsyncIterator

import pytest

from tests.support.conversion import ConversionLane, lanes, migrated
from tests.support.kept import kept_database
from tests.support.stack import Servers


@pytest.fixture
async def dsn(servers: Servers) -> str:
    return await kept_database(servers, "conversion", migrated)


@pytest.fixture
async def lane(dsn: str) -> AsyncIterator[ConversionLane]:
    async with lanes(dsn) as (one,):
        yield one
