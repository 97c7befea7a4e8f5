"""What the stack and five services take while nothing happens."""

import asyncio
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmark.fleet import running_fleet
from tests.benchmark.machine import memory_mib, server_pids, tree_cpu_seconds
from tests.support.stack import Servers, dispose, fresh

_SETTLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Idle:
    """One process family: memory in MiB (shared pages: resident counts them in each process, proportional once), CPU in
    per cent of one core."""

    name: str
    resident_mib: float
    proportional_mib: float
    cpu_percent: float

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


async def measure(servers: Servers, seconds: float = 30.0) -> list[Idle]:
    """Every server that runs on this machine, and the five services, over `seconds`."""
    mine = await fresh(servers)
    try:
        with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as folder:
            async with running_fleet(mine, Path(folder)) as fleet:
                addresses = {"kafka": mine.kafka, "postgres": mine.postgres, "valkey": mine.redis}
                pids = dict(server_pids(addresses).pids)
                pids |= {name: replicas[0].pid for name, replicas in fleet.replicas.items()}
                return await _watch(pids, seconds)
    finally:
        await dispose(mine, servers)


async def _watch(pids: dict[str, int], seconds: float) -> list[Idle]:
    await asyncio.sleep(_SETTLE_S)
    before = {name: tree_cpu_seconds(pid) for name, pid in pids.items()}
    began = time.monotonic()
    await asyncio.sleep(seconds)
    passed = time.monotonic() - began
    used = {name: (tree_cpu_seconds(pid) - before[name]) / passed * 100 for name, pid in pids.items()}
    return [Idle(name, *memory_mib([pid]), used[name]) for name, pid in pids.items()]
