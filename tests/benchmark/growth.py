"""What a lead costs when many are stored already: the pipeline on databases of several sizes, in turn."""

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

import asyncpg

from tests.benchmark.environments import NotAvailable
from tests.benchmark.fleet import new_keys, running_fleet
from tests.benchmark.pipeline import PARTITIONS, PipelineRun, race
from tests.benchmark.seeding import NOTHING, Seeded, room_for, seed
from tests.support.stack import Servers, dispose, fresh

REAL: Final = 10_000
SIZES: Final = (10_000, 1_000_000)
LARGE: Final = 10_000_000
_BYTES_A_LEAD: Final = 25_000.0


@dataclass(frozen=True, slots=True)
class GrowthRun:
    """One race. `size`: leads stored before the first race of its database; `database_mib` then."""

    size: int
    database_mib: float
    run: PipelineRun

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "rate": self.run.rate}


@dataclass(slots=True)
class Stored:
    """A database with its topics, and how many leads were sent there."""

    servers: Servers
    size: int
    keys: Mapping[str, str] = field(repr=False)
    sent: int = 0
    seeded: Seeded = NOTHING
    mib: float = 0.0

    async def race(self, leads: int) -> PipelineRun:
        """Send leads through services that are started for it."""
        with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as folder:
            async with running_fleet(self.servers, Path(folder), keys=self.keys) as fleet:
                run = await race(self.servers, fleet, leads, before=self.sent, seeded=self.seeded)
        self.sent += leads
        return run


async def measure(
    servers: Servers, leads: int, rounds: int, sizes: Sequence[int], *, real: int = REAL
) -> list[GrowthRun]:
    """Every size in turn, `rounds` times. `real` leads of each database went through the services."""
    if not room_for(tempfile.gettempdir(), sum(sizes) * _BYTES_A_LEAD):
        raise NotAvailable(f"the disk has no room for databases with {', '.join(f'{size:,}' for size in sizes)} leads")
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(stored(servers, size, real)) for size in sizes]
        runs = []
        for number in range(rounds):
            for store in stores:
                runs.append(GrowthRun(store.size, store.mib, await store.race(leads)))
                _tell(runs[-1], number + 1)
    return runs


def _tell(run: GrowthRun, number: int) -> None:
    cpu = sum(run.run.cpu_us.values())
    print(
        f"growth, {run.size:,} stored, round {number}: {run.run.rate:,.0f} leads/s, {cpu:.0f} us {'; '.join(run.run.faults)}",
        flush=True,
    )


@asynccontextmanager
async def stored(servers: Servers, size: int, real: int) -> AsyncIterator[Stored]:
    """A database with `size` leads, of which `real` went through the services; gone at the end."""
    mine = await fresh(replace(servers, spine_partitions=PARTITIONS))
    try:
        store = Stored(mine, size, new_keys())
        first = await store.race(real)
        if first.faults:
            raise RuntimeError(f"the leads to copy did not go through: {'; '.join(first.faults)}")
        if size > real:
            store.seeded = await seed(mine.postgres, real, size // real - 1)
        store.mib = await _mib(mine.postgres)
        print(f"growth: {size:,} leads stored, {store.mib:,.0f} MiB", flush=True)
        yield store
    finally:
        await dispose(mine, servers)


async def _mib(dsn: str) -> float:
    connection = await asyncpg.connect(dsn)
    try:
        return float(await connection.fetchval("SELECT pg_database_size(current_database())")) / 2**20
    finally:
        await connection.close()
