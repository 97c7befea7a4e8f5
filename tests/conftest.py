"""Fixtures for every test: one stack a run, a database and a topic prefix of its own for each test that asks."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.stack import Servers, dispose, fresh, running_servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers of this run; which ones they are is printed once."""
    with running_servers() as found:
        print(f"\nservers: {found.kind} (Kafka {found.kafka})")
        yield found


@pytest.fixture
async def own(servers: Servers) -> AsyncIterator[Servers]:
    """The servers with topics and a database of this test's own, taken away at its end."""
    mine = await fresh(servers)
    yield mine
    await dispose(mine, servers)
