"""How fast leads become opportunities there and here, and what is left of 240 when the server is killed four times."""

import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from tests.benchmark.crm import kills, ours, theirs
from tests.benchmark.crm.kills import Killed
from tests.benchmark.crm.tryton import Tryton, running_tryton
from tests.benchmark.fleet import Fleet, running_fleet
from tests.benchmark.machine import server_pids, tree_cpu_seconds
from tests.support.stack import Servers, dispose, fresh
from tests.support.waiting import eventually

OURS: Final = "Leadstream"
THEIRS: Final = "Tryton"
PARTITIONS: Final = 6
_AT_ONCE: Final = 500
# So many more leads go through here in about the same time.
_MORE: Final = 20
_THROUGH_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class CrmRun:
    """Leads created and converted. CPU in microseconds a lead: the product's processes (with Kafka), and Postgres."""

    product: str
    at_once: int
    leads: int
    seconds: float
    product_us: float
    postgres_us: float
    faults: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Leads converted a second."""
        return self.leads / self.seconds

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "rate": self.rate}


@dataclass(frozen=True, slots=True)
class Comparison:
    """All runs, and what became of the leads under kills."""

    runs: tuple[CrmRun, ...]
    killed: tuple[Killed, ...]

    @property
    def right(self) -> bool:
        """Whether ours were all right; theirs are only counted."""
        return not any(run.faults for run in self.runs) and not any(
            k.doubled or k.unconverted for k in self.killed if k.product == OURS
        )

    def as_dict(self) -> dict[str, object]:
        return {"runs": [run.as_dict() for run in self.runs], "killed": [asdict(k) for k in self.killed]}


async def measure(servers: Servers, leads: int) -> Comparison:
    """`leads` one by one through Tryton, more of them by 50; many more through ours. Raises NotAvailable."""
    with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as folder:
        async with running_tryton(servers, Path(folder)) as tryton:
            their_runs = [await _theirs(servers, tryton, *load) for load in ((leads, 1), (leads * 4, theirs.AT_ONCE))]
            their_end = await kills.theirs_killed(tryton)
    our_runs = [await _ours(servers, *load) for load in ((leads * _MORE, 1), (leads * _MORE * 4, _AT_ONCE))]
    return Comparison((*their_runs, *our_runs), (their_end, await _our_end(servers)))


async def _theirs(servers: Servers, tryton: Tryton, leads: int, at_once: int) -> CrmRun:
    assert tryton.process is not None
    pid, pids = tryton.process.pid, server_pids({"postgres": servers.postgres})

    def used() -> tuple[float, float]:
        return tree_cpu_seconds(pid), sum(pids.cpu().values())

    first = 1_000_000 * at_once

    async def load() -> None:
        await theirs.create_and_convert(tryton, range(first, first + leads), at_once=at_once)

    return await _timed(THEIRS, at_once, leads, used, load)


async def _ours(servers: Servers, leads: int, at_once: int) -> CrmRun:
    mine = await fresh(replace(servers, spine_partitions=PARTITIONS))
    try:
        with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as folder:
            async with running_fleet(mine, Path(folder)) as fleet:
                run = await _timed_ours(mine, fleet, leads, at_once)
                faults = await kills.faults_of(mine, leads)
    finally:
        await dispose(mine, servers)
    return replace(run, faults=(*run.faults, *faults))


async def _timed_ours(servers: Servers, fleet: Fleet, leads: int, at_once: int) -> CrmRun:
    kafka, postgres = server_pids({"kafka": servers.kafka}), server_pids({"postgres": servers.postgres})

    def used() -> tuple[float, float]:
        return sum(fleet.cpu().values()) + sum(kafka.cpu().values()), sum(postgres.cpu().values())

    async def load() -> None:
        await ours.submit(fleet, range(leads), at_once=at_once)
        await eventually(_all_converted(servers, leads), "every lead is converted", within=_THROUGH_S, every=0.05)

    return await _timed(OURS, at_once, leads, used, load)


def _all_converted(servers: Servers, leads: int) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return await ours.converted(servers) >= leads

    return check


async def _timed(
    product: str, at_once: int, leads: int, used: Callable[[], tuple[float, float]], load: Callable[[], Awaitable[None]]
) -> CrmRun:
    before, began = used(), time.monotonic()
    faults: tuple[str, ...] = ()
    try:
        await load()
    except AssertionError as error:
        faults = (str(error),)
    seconds, after = time.monotonic() - began, used()
    parts = [(now - then) * 1e6 / leads for now, then in zip(after, before, strict=True)]
    run = CrmRun(product, at_once, leads, seconds, parts[0], parts[1], faults)
    print(f"{product}, {at_once} a call: {run.rate:,.0f} leads/s {'; '.join(faults)}", flush=True)
    return run


async def _our_end(servers: Servers) -> Killed:
    mine = await fresh(replace(servers, spine_partitions=PARTITIONS))
    try:
        with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as folder:
            async with running_fleet(mine, Path(folder)) as fleet:
                return await kills.ours_killed(mine, fleet, OURS)
    finally:
        await dispose(mine, servers)
