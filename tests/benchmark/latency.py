"""How long a lead takes until others can see it captured, routed, converted: at idle, at half of the peak, near it."""

import asyncio
import math
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.topics import CAPTURED, CONVERTED, ROUTED
from tests.benchmark.books import examine
from tests.benchmark.fleet import Fleet, running_fleet
from tests.benchmark.inbound import inbound_leads
from tests.benchmark.pacing import Sent, send_at
from tests.benchmark.pipeline import PARTITIONS
from tests.support.stack import Servers, dispose, fresh
from tests.support.waiting import eventually

IDLE_RATE: Final = 10.0
STAGES: Final = {"captured": CAPTURED, "routed": ROUTED, "converted": CONVERTED}
BETWEEN: Final = "captured to routed"
SPREADS: Final = (*STAGES, BETWEEN)
_WARM_UP: Final = 0.2  # of the leads, not counted
_WATCH_ALL_BELOW: Final = 200.0
_WATCHED: Final = 2  # of the six partitions: one with companies, one with private persons
_DRAIN_S: Final = 240.0


@dataclass(frozen=True, slots=True)
class Spread:
    """Latencies of one stage, milliseconds."""

    count: int
    p50: float
    p99: float
    longest: float


@dataclass(frozen=True, slots=True)
class LatencyRun:
    """One rate. `late_ms`: how late the sender itself was at most, which is inside the latencies."""

    level: str
    rate: float
    leads: int
    late_ms: float
    stages: dict[str, Spread]
    faults: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


async def measure(servers: Servers, peak: float, seconds: float) -> list[LatencyRun]:
    """At idle, at half of `peak` leads a second, at 90 % of it, one after the other on the same services."""
    levels = (("idle", IDLE_RATE), ("half of the peak", peak / 2), ("90 % of the peak", peak * 0.9))
    mine = await fresh(replace(servers, spine_partitions=PARTITIONS))
    try:
        with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as folder:
            async with running_fleet(mine, Path(folder)) as fleet:
                return await _levels(mine, fleet, levels, seconds)
    finally:
        await dispose(mine, servers)


async def _levels(
    servers: Servers, fleet: Fleet, levels: Sequence[tuple[str, float]], seconds: float
) -> list[LatencyRun]:
    runs: list[LatencyRun] = []
    before = 0
    for level, rate in levels:
        count = math.ceil(rate * seconds)
        run = await measure_level(servers, fleet, level, rate, count, before)
        before += count
        print(f"latency, {level} ({rate:,.0f}/s): {_said(run)}", flush=True)
        runs.append(run)
    books = await examine(servers, fleet, before)
    return [replace(run, faults=(*run.faults, *books.faults)) for run in runs]


def _said(run: LatencyRun) -> str:
    return ", ".join(f"{stage} {s.p50:,.0f}/{s.p99:,.0f} ms" for stage, s in run.stages.items())


async def measure_level(servers: Servers, fleet: Fleet, level: str, rate: float, count: int, before: int) -> LatencyRun:
    """One rate: `count` leads, after `before` others."""
    leads = list(inbound_leads(count, PARTITIONS, first=before))
    seen = Seen(servers, PARTITIONS if rate < _WATCH_ALL_BELOW else _WATCHED)
    await seen.start()
    try:
        sent = await send_at(servers, leads, rate)
        faults = await _drained(fleet)
    finally:
        await seen.stop()
    stages = seen.spreads(sent, int(count * _WARM_UP))
    return LatencyRun(level, rate, count, sent.latest_s * 1000, stages, tuple(faults))


async def _drained(fleet: Fleet) -> list[str]:
    try:
        await eventually(fleet.caught_up, "all services have caught up", within=_DRAIN_S, every=0.5)
    except AssertionError:
        return ["not through in time"]
    return []


class Seen:
    """A read_committed reader, as downstream systems are: what arrives in some partitions, and when."""

    def __init__(self, servers: Servers, partitions: int) -> None:
        names = servers.names
        self._stages = {names.topic(topic): stage for stage, topic in STAGES.items()}
        self._places = [
            TopicPartition(name, n)
            for name, stage in self._stages.items()
            for n in range(PARTITIONS if stage == "converted" else partitions)  # they stand by their own key
        ]
        self._consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=servers.kafka, isolation_level="read_committed", enable_auto_commit=False
        )
        self.found: dict[str, list[tuple[float, bytes]]] = {stage: [] for stage in STAGES}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read what comes from now on."""
        await self._consumer.start()
        self._consumer.assign(self._places)
        await self._consumer.seek_to_end(*self._places)
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        while True:
            batch = await self._consumer.getmany(timeout_ms=1000)
            now = time.time()
            for place, records in batch.items():
                self.found[self._stages[place.topic]] += [(now, record.value) for record in records]

    async def stop(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self._consumer.stop()

    def spreads(self, sent: Sent, warm_up: int) -> dict[str, Spread]:
        """Latencies from when a lead was due. A person's later submissions are left out: their events may be joined."""
        once = self._captured_once(sent)
        due = {
            "captured": [(at, n) for at, n in once.values()],
            "routed": self._later("routed", once),
            "converted": self._later("converted", once),
        }
        spreads = {
            stage: _spread([(at - sent.intended(n)) * 1000 for at, n in found if n >= warm_up])
            for stage, found in due.items()
        }
        captured = {n: at for at, n in due["captured"]}
        passed = [(at - captured[n]) * 1000 for at, n in due["routed"] if n >= warm_up]
        return {**spreads, BETWEEN: _spread(passed)}

    def _captured_once(self, sent: Sent) -> dict[str, tuple[float, int]]:
        """When each lead that was submitted once was seen captured, and its number, by lead id."""
        found: dict[str, tuple[float, int]] = {}
        several: set[str] = set()
        for at, value in self.found["captured"]:
            event = orjson.loads(value)
            inbound, lead_id = event["origin"]["inbound"], event["lead"]["lead_id"]
            n = sent.places.get((inbound["partition"], inbound["offset"]))
            if n is None or lead_id in found or event["outcome"] != "new":
                several.add(lead_id)
            else:
                found[lead_id] = (at, n)
        return {lead_id: place for lead_id, place in found.items() if lead_id not in several}

    def _later(self, stage: str, once: dict[str, tuple[float, int]]) -> list[tuple[float, int]]:
        """When the same leads were first seen at a later stage."""
        found: dict[str, tuple[float, int]] = {}
        for at, value in self.found[stage]:
            event = orjson.loads(value)
            lead_id = event.get("lead_id") or event["lead"]["lead_id"]
            if lead_id in once:
                found.setdefault(lead_id, (at, once[lead_id][1]))
        return list(found.values())


def _spread(values: Sequence[float]) -> Spread:
    if not values:
        return Spread(0, math.nan, math.nan, math.nan)
    ordered = sorted(values)
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * part))] for part in (0.5, 0.99)]
    return Spread(len(ordered), at[0], at[1], ordered[-1])
