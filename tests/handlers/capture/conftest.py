"""A bench for capture: its tables in a database of the test's own."""

from collections.abc import AsyncIterator

import pytest

from tests.support.capture import Bench, create_schema
from tests.support.stack import Servers


@pytest.fixture
async def bench(own: Servers) -> AsyncIterator[Bench]:
    """Capture's live lane on Postgres, without Kafka."""
    await create_schema(own.postgres)
    bench = Bench(own.postgres)
    yield bench
    await bench.database.dispose()
