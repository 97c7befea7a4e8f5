"""The hop benchmark: one topic filled once, every variant in turn, several rounds, each run checked."""

import asyncio
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg

from shared.contracts.topics import CAPTURED
from tests.benchmark import gauge
from tests.benchmark.checking import Checked, Output, check, check_forwarded, ends_of, expected_of, read_from
from tests.benchmark.contenders import Contender, contenders
from tests.benchmark.leads import captured_events
from tests.benchmark.machine import ServerPids, cpu_seconds, server_pids
from tests.benchmark.preload import Placed, preload
from tests.benchmark.sampling import SAMPLES_VARIABLE
from tests.benchmark.variants.place import GROUP_VARIABLE
from tests.support.hop import create_schema
from tests.support.process import ROOT, free_port
from tests.support.stack import Servers, dispose, fresh

PARTITIONS = 6
_STALL_S = 30.0
# What takes a transaction a message is measured with this part of the messages.
_FEWER = 20
_FEWEST = 20


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one variant. CPU in microseconds a record; `faults` is empty when the output is right."""

    variant: str
    messages: int
    rate: float
    cpu_us: float
    kafka_us: float
    postgres_us: float
    batch: float
    faults: tuple[str, ...]
    keys_kept: bool
    partitions_kept: bool


@dataclass(frozen=True, slots=True)
class HopResult:
    """All runs, in the order in which they were made."""

    messages: int
    rounds: int
    runs: tuple[Run, ...]
    left_out: tuple[str, ...]
    promises: dict[str, str]

    @property
    def right(self) -> bool:
        return not any(run.faults for run in self.runs)

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


async def measure(
    servers: Servers, messages: int, rounds: int, *, only: str = "", samples: Path | None = None
) -> HopResult:
    """Run every variant whose name contains `only`, `rounds` times, in turn."""
    taking_part, left_out = contenders(only)
    async with AsyncExitStack() as stack:
        benches = {False: await stack.enter_async_context(_filled(servers, messages, samples))}
        if any(c.slow for c in taking_part):
            fewer = max(_FEWEST, messages // _FEWER)
            benches[True] = await stack.enter_async_context(_filled(servers, fewer, samples))
        runs = [await benches[c.slow].run(c) for n in range(rounds) for c in _turned(taking_part, n)]
    return HopResult(messages, rounds, tuple(runs), tuple(left_out), {c.name: c.promise for c in taking_part})


@asynccontextmanager
async def _filled(servers: Servers, messages: int, samples: Path | None) -> AsyncIterator["HopBench"]:
    """A topic with that many messages, gone at the end."""
    mine = await fresh(replace(servers, spine_partitions=PARTITIONS))
    try:
        await create_schema(mine.postgres)
        yield HopBench(mine, await _fill(mine, messages), samples)
    finally:
        await dispose(mine, servers)


def _turned(variants: Sequence[Contender], by: int) -> list[Contender]:
    """Each round begins elsewhere, so that no variant is always after the same other."""
    start = by * 2 % max(1, len(variants))
    return [*variants[start:], *variants[:start]]


async def _fill(servers: Servers, messages: int) -> list[Any]:
    """The topic's records, as every variant will find them."""
    events = (
        Placed(n % PARTITIONS, lead_id.encode(), value, headers)
        for n, (lead_id, value, headers) in enumerate(captured_events(messages))
    )
    await preload(servers, CAPTURED, events)
    return await read_from(servers, CAPTURED, {}, messages)


class HopBench:
    """Runs variants on one filled topic."""

    def __init__(self, servers: Servers, sources: Sequence[Any], samples: Path | None) -> None:
        self._servers = servers
        self._sources = sources
        self._expected = expected_of(sources)
        self._samples = samples
        self._pids = server_pids({"kafka": servers.kafka, "postgres": servers.postgres})

    async def run(self, variant: Contender) -> Run:
        """Start the variant, watch it hand over every record, check what it wrote, end it."""
        await self._forget()
        before = await ends_of(self._servers)
        with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as folder:
            path, log = Path(folder) / "gauge", Path(folder) / "log"
            gauge.prepare(path)
            process = _start(variant, self._env(variant, path), log)
            try:
                run = await self._watch(variant, process, path, before)
            finally:
                _end(process)
            _tell(run, log)
        return run

    async def _watch(
        self, variant: Contender, process: "subprocess.Popen[bytes]", path: Path, before: dict[int, int]
    ) -> Run:
        servers = await _handed_over(process, path, len(self._expected), self._pids)
        output = await read_from(self._servers, None, before, len(self._expected))
        reading = gauge.read(path)
        cpu_us = _cpu_until_now(process.pid, reading) if variant.in_background else reading.cpu_us
        found = check_forwarded(self._sources, output) if variant.forwards else check(self._expected, Output.of(output))
        faults = _faults(variant, reading, found, len(self._expected))
        return Run(
            variant.name, len(self._expected), reading.rate, cpu_us, servers.get("kafka", 0.0), servers.get("postgres", 0.0),
            reading.handed / max(1, reading.times), faults, found.keys_kept, found.partitions_kept,
        )  # fmt: skip

    def _env(self, variant: Contender, path: Path) -> dict[str, str]:
        env = {
            **os.environ,
            **self._servers.environment(),
            **variant.env,
            gauge.GAUGE_VARIABLE: str(path),
            gauge.TOTAL_VARIABLE: str(len(self._expected)),
            GROUP_VARIABLE: f"bench-{secrets.token_hex(4)}",
            "LEADSTREAM_HTTP_PORT": str(free_port()),
        }
        env.pop("LEADSTREAM_MAX_RECORDS", None)
        if variant.batch is not None:
            env["LEADSTREAM_MAX_RECORDS"] = str(variant.batch)
        if self._samples is not None:
            env[SAMPLES_VARIABLE] = str(self._samples / f"{variant.name.replace(' ', '-').replace(',', '')}.txt")
        return env

    async def _forget(self) -> None:
        """Every run finds the database as new."""
        connection = await asyncpg.connect(self._servers.postgres)
        try:
            await connection.execute("TRUNCATE scoring.decisions, scoring.hop_leads, scoring.marks")
        finally:
            await connection.close()


def _cpu_until_now(pid: int, reading: gauge.Reading) -> float:
    """CPU microseconds a record since the first hand-over, whatever the process did after the last one."""
    return (cpu_seconds(pid) * 1e6 - reading.first_cpu / 1000) / max(1, reading.handed)


def _faults(variant: Contender, reading: gauge.Reading, found: Checked, total: int) -> tuple[str, ...]:
    faults = list(found.faults)
    if reading.handed != total:
        faults.insert(0, f"{reading.handed} of {total} handed over")
    if variant.ours and not (found.keys_kept and found.partitions_kept):
        faults.append("keys or partitions not kept")
    return tuple(faults)


async def _handed_over(
    process: "subprocess.Popen[bytes]", path: Path, total: int, pids: ServerPids
) -> dict[str, float]:
    """Wait until all records were handed over or nothing moves; the servers' CPU meanwhile, microseconds a record."""
    moved, last = time.monotonic(), 0
    begun: dict[str, float] = {}
    first = 0
    while process.poll() is None and time.monotonic() - moved < _STALL_S:
        now = gauge.read(path).handed
        if now != last:
            if not begun:
                begun, first = pids.cpu(), now
            moved, last = time.monotonic(), now
        if now >= total:
            break
        await asyncio.sleep(0.01)
    used = pids.cpu()
    return {name: (used[name] - begun.get(name, used[name])) * 1e6 / max(1, last - first) for name in used}


def _start(variant: Contender, env: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as out:
        return subprocess.Popen([str(variant.python), "-m", variant.module], cwd=ROOT, env=env, stdout=out, stderr=out)


def _tell(run: Run, log: Path) -> None:
    print(f"{run.variant:45} {run.rate:8,.0f}/s {run.cpu_us:7.1f} us {'FAILED' if run.faults else ''}", flush=True)
    if run.faults:
        print("; ".join(run.faults), log.read_text(errors="replace")[-3000:], sep="\n", flush=True)


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
