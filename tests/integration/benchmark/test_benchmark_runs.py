"""Every part of the benchmark on the real servers, as short as can be: outputs are right. No time is asserted."""

import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.benchmark import growth, hop, importing, intake, latency, report
from tests.benchmark.books import examine
from tests.benchmark.crm import kills, ours
from tests.benchmark.fleet import running_fleet
from tests.support.stack import Servers
from tests.support.waiting import eventually

pytestmark = [pytest.mark.stack, pytest.mark.processes, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    "variant", ["chassis, decisions and a table, batch 500", "bytes forwarded, aiokafka, batch 2000"]
)
async def test_a_hop_is_measured_and_its_output_checked(servers: Servers, variant: str) -> None:
    found = await hop.measure(servers, 300, 1, only=variant)
    assert [run.variant for run in found.runs] == [variant]
    assert found.right and variant in report.hop_table(found)


async def test_leads_go_through_a_database_of_copied_leads(servers: Servers) -> None:
    """The pipeline's race, copies, leads at a rate, and those of the comparison with a CRM, all in the same books."""
    async with growth.stored(servers, 120, 60) as store:
        assert store.seeded.inbound == store.sent == 60 and store.seeded.leads and store.seeded.conversions
        with tempfile.TemporaryDirectory() as folder:
            async with running_fleet(store.servers, Path(folder), keys=store.keys) as fleet:
                run = await latency.measure_level(store.servers, fleet, "idle", 40.0, 40, store.sent)
                before = await ours.converted(store.servers)
                await ours.submit(fleet, range(4), at_once=2)
                await eventually(_converted(store.servers, before + 4), "every lead is converted")
                await eventually(fleet.caught_up, "all services have caught up")
                leads, parties, _ = await kills.counted(store.servers)
                books = await examine(store.servers, fleet, store.sent + 44, store.seeded)
                wrong = await examine(store.servers, fleet, store.sent + 45, store.seeded)
    assert run.faults == () and list(books.faults) == [] and len(wrong.faults) == 2
    assert set(leads.values()) == set(parties.values()) == {1} and len(leads) == len(parties) == 4
    assert run.stages["captured"].count > 20 and run.stages["routed"].count == run.stages["captured"].count
    assert 0 < run.stages["converted"].count < run.stages["captured"].count
    assert "idle" in report.latency_table([run], 100.0)


def _converted(servers: Servers, wanted: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return await ours.converted(servers) >= wanted

    return check


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
async def test_capture_under_wrk_loses_nothing(servers: Servers) -> None:
    shape = replace(intake.SHAPES[1], lines=10, connections=2)
    (run,) = await intake.measure(servers, 1.0, 1, shapes=[shape])
    assert run.faults == () and run.requests > 0
    assert shape.name in report.intake_table([run])


async def test_an_import_is_counted_and_its_memory_seen(servers: Servers) -> None:
    (run,) = await importing.measure(servers, [200], 1)
    assert run.faults == () and run.rows == 200 and run.peak_mib > 1
    assert "200" in report.import_table([run])
