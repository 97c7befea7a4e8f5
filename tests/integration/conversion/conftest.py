"""A database of the test's own with conversion's schema, and lanes on it, without Kafka's topics."""

import secrets
from collections.abc import AsyncIterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.support.conversion import ConversionLane, lanes, migrated
from tests.support.stack import Servers


@pytest.fixture
async def dsn(servers: Servers) -> AsyncIterator[str]:
    name = f"t_{secrets.token_hex(4)}"
    admin = await asyncpg.connect(servers.postgres)
    await admin.execute(f'CREATE DATABASE "{name}"')
    mine = urlunsplit(urlsplit(servers.postgres)._replace(path=f"/{name}"))
    await migrated(mine)
    yield mine
    await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await admin.close()


@pytest.fixture
async def lane(dsn: str) -> AsyncIterator[ConversionLane]:
    async with lanes(dsn) as (one,):
        yield one
