"""Databases with scoring's tables: for one test at a time, and for all tests of a module."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.support.kept import kept_database
from tests.support.scoring import create_schema
from tests.support.stack import Servers, create_database, drop_database


@pytest.fixture
async def own(servers: Servers) -> Servers:
    """The servers with a database of scoring's, as a fresh installation has it."""
    return replace(servers, postgres=await kept_database(servers, "scoring", create_schema))


@pytest.fixture(scope="module")
def dsn(servers: Servers) -> Iterator[str]:
    """The database's address; it is taken away at the module's end."""
    made = asyncio.run(create_database(servers.postgres))
    asyncio.run(create_schema(made))
    yield made
    asyncio.run(drop_database(servers.postgres, made))
