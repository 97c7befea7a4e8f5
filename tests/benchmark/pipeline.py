"""The whole pipeline: five services as processes, leads that appear at once, timed until nothing moves any more."""

import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaProducer

from shared.contracts.topics import INBOUND, SERVICES
from tests.benchmark.books import Books, examine
from tests.benchmark.fleet import Batches, Fleet, running_fleet
from tests.benchmark.inbound import inbound_leads
from tests.benchmark.machine import ServerPids, server_pids
from tests.benchmark.preload import create_producer, write
from tests.benchmark.seeding import NOTHING, Seeded
from tests.support.stack import Servers, dispose, fresh

PARTITIONS = 6
TRANSACTION_MS = 600_000
WARM_UP = 10_000
_QUIET_S = 3.0
_SLOWEST = 100.0  # leads a second; slower than this is a failure
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """One run. CPU in microseconds a lead by process; seconds until each service was done; `faults` empty when right."""

    leads: int
    seconds: float
    cpu_us: dict[str, float]
    done_after: dict[str, float]
    batches: dict[str, Batches]
    resident_mib: float
    counts: dict[str, int]
    faults: tuple[str, ...]
    replicas: int = 1

    @property
    def rate(self) -> float:
        """Leads a second, end to end."""
        return self.leads / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "rate": self.rate}


async def measure(
    servers: Servers, leads: int, rounds: int, *, replicas: Sequence[int] = (1,), samples: Path | None = None
) -> list[PipelineRun]:
    """Every round on topics and a database of its own, in turn with each number of replicas.

    Before each race as many leads again as a real stream has in its first seconds go through the same processes: compilers,
    caches and prepared statements are those of a stream that has been running.
    """
    return [await _round(servers, leads, n + 1, each, samples) for n in range(rounds) for each in replicas]


async def _round(servers: Servers, leads: int, number: int, replicas: int, samples: Path | None) -> PipelineRun:
    mine = await fresh(replace(servers, spine_partitions=PARTITIONS))
    try:
        with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as folder:
            async with running_fleet(mine, Path(folder), replicas=replicas, samples=samples) as fleet:
                warm = min(WARM_UP, leads)
                await race(mine, fleet, warm)
                run = replace(
                    await race(mine, fleet, leads, sampled=samples is not None, before=warm), replicas=replicas
                )
    finally:
        await dispose(mine, servers)
    print(
        f"pipeline, {replicas} a service, round {number}: {run.rate:,.0f} leads/s {'; '.join(run.faults)}", flush=True
    )
    return run


async def race(
    servers: Servers, fleet: Fleet, leads: int, *, sampled: bool = False, before: int = 0, seeded: Seeded = NOTHING
) -> PipelineRun:
    """The leads are written in one open transaction: they become visible together, when the services are ready.

    `before`: how many leads were sent in earlier races on the same topics. `seeded`: what is stored beside those.
    """
    pids = server_pids({"kafka": servers.kafka, "postgres": servers.postgres})
    producer = await _hidden_leads(servers, leads, before)
    try:
        await asyncio.sleep(1.0)  # what writing cost the broker is not the pipeline's
        watch = Watch(servers, fleet, pids)
        await watch.begin()
        if sampled:
            fleet.mark()
        await producer.commit_transaction()
    finally:
        await producer.stop()
    faults = await watch.until_quiet(leads)
    if sampled:
        fleet.mark()
    books = await examine(servers, fleet, before + leads, seeded)
    return watch.result(leads, [*faults, *books.faults], books, await fleet.batches())


async def _hidden_leads(servers: Servers, leads: int, before: int) -> AIOKafkaProducer:
    """All leads written, in a transaction that is still open: no service sees them yet."""
    producer = create_producer(
        servers, transactional_id=f"{servers.prefix}bench", transaction_timeout_ms=TRANSACTION_MS
    )
    await producer.start()
    await producer.begin_transaction()
    await write(producer, servers.names.topic(INBOUND), inbound_leads(leads, PARTITIONS, first=before))
    return producer


class Watch:
    """Follows how far each service's marks have come, and what everything used when they last moved."""

    def __init__(self, servers: Servers, fleet: Fleet, pids: ServerPids) -> None:
        self._servers = servers
        self._fleet = fleet
        self._pids = pids
        self._stored: Mapping[str, int] = {}
        self._moved: dict[str, float] = {}
        self._begun = 0.0
        self._cpu_before: Mapping[str, float] = {}
        self._cpu: Mapping[str, float] = {}
        self._resident = 0.0

    async def begin(self) -> None:
        """Note where everything stands now."""
        self._stored = await self._marks()
        self._cpu_before = self._cpu = self._used()
        self._begun = time.monotonic()
        self._moved = dict.fromkeys(SERVICES, self._begun)

    async def until_quiet(self, leads: int) -> list[str]:
        """Wait until nothing has moved for a while and all services have caught up. Faults otherwise."""
        deadline = self._begun + 60 + leads / _SLOWEST
        while True:
            await asyncio.sleep(_POLL_S)
            await self._look()
            now = time.monotonic()
            if ended := self._fleet.ended():
                return [f"{', '.join(ended)} ended"]
            if now - max(self._moved.values()) > _QUIET_S and await self._fleet.caught_up():
                return []
            if now > deadline:
                return ["not through in time"]

    async def _look(self) -> None:
        stored = await self._marks()
        now = time.monotonic()
        changed = [name for name in SERVICES if stored[name] != self._stored[name]]
        if changed:
            self._stored, self._cpu = stored, self._used()
            self._moved.update(dict.fromkeys(changed, now))
            self._resident = max(self._resident, self._fleet.resident_mib())

    async def _marks(self) -> dict[str, int]:
        """The sum of the stored offsets of each service."""
        query = " UNION ALL ".join(
            f"SELECT '{name}' AS name, COALESCE(sum(stored_to), 0)::bigint AS stored FROM {name}.marks"
            for name in SERVICES
        )
        connection = await asyncpg.connect(self._servers.postgres)
        try:
            return {row["name"]: row["stored"] for row in await connection.fetch(query)}
        finally:
            await connection.close()

    def _used(self) -> dict[str, float]:
        return {**self._fleet.cpu(), **self._pids.cpu()}

    def result(self, leads: int, faults: list[str], books: Books, batches: dict[str, Batches]) -> PipelineRun:
        """What was seen between `begin` and the last movement."""
        done = {name: round(moved - self._begun, 2) for name, moved in self._moved.items()}
        cpu = {name: (used - self._cpu_before[name]) * 1e6 / leads for name, used in self._cpu.items()}
        return PipelineRun(
            leads, max(done.values()), cpu, done, batches, self._resident, dict(books.counts), tuple(faults)
        )
