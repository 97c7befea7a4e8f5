"""Handlers meet Postgres and no Kafka: a test's own servers are a database, and no topics are made for it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.support.stack import Servers, create_database, drop_database


@pytest.fixture
async def blank(servers: Servers) -> AsyncIterator[Servers]:
    """The servers with a database of this test's own, with nothing in it, taken away at its end."""
    dsn = await create_database(servers.postgres)
    yield replace(servers, postgres=dsn)
    await drop_database(servers.postgres, dsn)
