"""A database with scoring's tables, for all tests of a module."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.support.scoring import create_schema
from tests.support.stack import Servers, create_database, drop_database


@pytest.fixture(scope="module")
def dsn(servers: Servers) -> Iterator[str]:
    """The database's address; it is taken away at the module's end."""
    made = asyncio.run(create_database(servers.postgres))
    asyncio.run(create_schema(made))
    yield made
    asyncio.run(drop_database(servers.postgres, made))
