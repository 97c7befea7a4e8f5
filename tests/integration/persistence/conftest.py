"""A database with the tables of the hop, for each test file."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support import hop
from tests.support.stack import Servers, create_database, drop_database


@pytest.fixture(scope="module")
def dsn(servers: Servers) -> Iterator[str]:
    made = asyncio.run(create_database(servers.postgres))
    asyncio.run(hop.create_schema(made))
    yield made
    asyncio.run(drop_database(servers.postgres, made))
