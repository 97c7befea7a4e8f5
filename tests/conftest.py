"""Fixtures for every test: one stack a run, a database and a topic prefix of its own for each test that asks."""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.kept import forget
from tests.support.process import STARTED
from tests.support.stack import Servers, dispose, fresh, running_servers

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test of real servers or processes that fails is tried once more, and the end of the run lists it: a finding to look into."""
    for item in items:
        if item.get_closest_marker("stack") or item.get_closest_marker("processes"):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers of this run; which ones they are is printed once."""
    with running_servers() as found:
        print(f"\nservers: {found.kind} (Kafka {found.kafka})")
        yield found
        asyncio.run(forget(found))


@pytest.fixture
async def own(servers: Servers) -> AsyncIterator[Servers]:
    """The servers with topics and a database of this test's own, taken away at its end."""
    mine = await fresh(servers)
    yield mine
    await dispose(mine, servers)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed shows the ends of the logs of its processes."""
    report = yield
    if report.failed:
        report.sections += [(f"log of {process.module} ({process.log.name})", process.tail(40)) for process in STARTED]
    if report.when == "teardown":
        STARTED[:] = [process for process in STARTED if process.running]
    return report
