"""Reporting's tables on real Postgres: one schema for a module's tests, emptied for each."""

from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI

from shared.persistence.database import Database
from tests.support.reporting import database_of, own_schema
from tests.support.reporting_replays import Taken, replaying_app
from tests.support.stack import Servers


@pytest.fixture(scope="module")
def dsn(servers: Servers) -> Iterator[str]:
    with own_schema(servers) as dsn:
        yield dsn


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    async with database_of(dsn) as database:
        yield database


@pytest.fixture
async def app(dsn: str, database: Database) -> AsyncIterator[FastAPI]:
    """The service over HTTP, with a producer that keeps what it is given."""
    async with replaying_app(dsn, database) as made:
        yield made


@pytest.fixture
def taken(app: FastAPI) -> Taken:
    """What the service sent."""
    found: Taken = app.state.service.raw
    return found
