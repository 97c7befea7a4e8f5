"""A bench for capture: its tables, empty, for one test at a time."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.support.capture import Bench, create_schema
from tests.support.kept import kept_database
from tests.support.stack import Servers


@pytest.fixture
async def own(servers: Servers) -> Servers:
    """The servers with a database of capture's."""
    return replace(servers, postgres=await kept_database(servers, "capture", create_schema))


@pytest.fixture
async def bench(own: Servers) -> AsyncIterator[Bench]:
    """Capture's live lane on Postgres, without Kafka."""
    bench = Bench(own.postgres)
    yield bench
    await bench.database.dispose()
