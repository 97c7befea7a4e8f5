"""Capture over HTTP under wrk: submissions one a request and many a request, every one of them counted in Kafka."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.topics import CAPTURED, INBOUND, RECEIPTS_SETTLED, REJECTED
from tests.benchmark.environments import NotAvailable
from tests.benchmark.fleet import Fleet, running_fleet
from tests.benchmark.machine import server_pids
from tests.support.stack import Servers, dispose, fresh
from tests.support.topics import read_to_end
from tests.support.waiting import eventually

PARTITIONS: Final = 6
_SCRIPT: Final = Path(__file__).with_name("load.lua")
_OUTCOMES: Final = (CAPTURED, REJECTED, RECEIPTS_SETTLED)
_DRAIN_S: Final = 180.0
_QUIET_S: Final = 0.5
_QUIET_TIMES: Final = 4
_TEMPLATES: Final = 64


@dataclass(frozen=True, slots=True)
class Shape:
    """How the load is sent."""

    name: str
    path: str
    lines: int
    connections: int


SHAPES: Final = (
    Shape("one a request", "/v1/leads", 1, 32),
    Shape("100 a request", "/v1/leads/batch", 100, 8),
    Shape("1,000 a request", "/v1/leads/batch", 1000, 4),
)


@dataclass(frozen=True, slots=True)
class IntakeRun:
    """One load. CPU in microseconds a lead while the load lasted; `faults` empty when all is right."""

    shape: str
    lines: int
    connections: int
    seconds: float
    requests: int
    p50_ms: float
    p99_ms: float
    cpu_us: dict[str, float]
    faults: tuple[str, ...]

    @property
    def requests_rate(self) -> float:
        """Requests a second that were answered."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def leads_rate(self) -> float:
        """Leads a second that were received."""
        return self.requests_rate * self.lines

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "leads_rate": self.leads_rate}


async def measure(
    servers: Servers, seconds: float, rounds: int, *, shapes: Sequence[Shape] = SHAPES, samples: Path | None = None
) -> list[IntakeRun]:
    """Every shape in turn, several rounds, each on topics and a database of its own. Raises NotAvailable without wrk."""
    if shutil.which("wrk") is None:
        raise NotAvailable("wrk is not installed (Debian, Ubuntu: `apt install wrk`; macOS: `brew install wrk`)")
    return [await _round(servers, shape, seconds, samples) for _ in range(rounds) for shape in shapes]


async def _round(servers: Servers, shape: Shape, seconds: float, samples: Path | None) -> IntakeRun:
    mine = await fresh(replace(servers, spine_partitions=PARTITIONS))
    try:
        with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as folder:
            async with running_fleet(mine, Path(folder), services=("capture",), samples=samples) as fleet:
                run = await _load(mine, fleet, shape, seconds, Path(folder), sampled=samples is not None)
    finally:
        await dispose(mine, servers)
    print(f"intake, {shape.name}: {run.leads_rate:,.0f} leads/s {'; '.join(run.faults)}", flush=True)
    return run


async def _load(
    servers: Servers, fleet: Fleet, shape: Shape, seconds: float, folder: Path, *, sampled: bool
) -> IntakeRun:
    (folder / "leads").write_bytes(b"\n".join(_template(n) for n in range(_TEMPLATES)))
    pids = server_pids({"kafka": servers.kafka, "postgres": servers.postgres})
    before = {**fleet.cpu(), **pids.cpu()}
    if sampled:
        fleet.mark()
    said = await _wrk(fleet, shape, seconds, folder / "leads")
    if sampled:
        fleet.mark()
    used = {**fleet.cpu(), **pids.cpu()}
    answered = said["requests"] - said["refused"]
    leads = max(1, answered * shape.lines)
    cpu = {name: (used[name] - before[name]) * 1e6 / leads for name in used}
    faults = [*_complaints(said), *await _lost(servers, fleet, said, shape)]
    return IntakeRun(
        shape.name, shape.lines, shape.connections, said["seconds"], answered, said["p50_ms"], said["p99_ms"],
        cpu, tuple(faults),
    )  # fmt: skip


def _template(n: int) -> bytes:
    """A submission of some 450 bytes in which `@@` is the lead's number."""
    return orjson.dumps(
        {
            "external_id": "person-@@",
            "email": "person@@@company@@.com",
            "first_name": ("Ann", "Bela", "Chen", "Dora")[n % 4],
            "last_name": ("Lee", "Nagy", "Silva", "Weber", "Okafor")[n % 5],
            "title": ("Director of Sales", "Engineer", "Purchasing Manager")[n % 3],
            "company": {"name": "Company@@ Inc.", "website": "https://www.company@@.com", "employees": 80},
            "address": {"city": "Springfield", "country": "US"},
            "source": ("website", "referral", "event")[n % 3],
            "campaign": "spring",
            "message": "We are looking for a system for our sales team, please call us back.",
            "consent": {"marketing_email": True, "at": "2026-01-05T10:00:00Z"},
        }
    )


async def _wrk(fleet: Fleet, shape: Shape, seconds: float, leads: Path) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        "wrk", "-t1", f"-c{shape.connections}", f"-d{max(1, round(seconds))}s", "--timeout", "10s", "-s", str(_SCRIPT),
        fleet.replicas["capture"][0].url + shape.path, "--", str(leads), str(shape.lines), fleet.admin_key,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    text = (await process.communicate())[0].decode()
    result = next((line for line in text.splitlines() if line.startswith("RESULT ")), None)
    if result is None:
        raise RuntimeError(f"wrk gave no result: {text[-500:]}")
    return json.loads(result.removeprefix("RESULT "))  # type: ignore[no-any-return]


def _complaints(said: dict[str, Any]) -> list[str]:
    names = {"refused": "requests refused", "broken": "connections broken", "late": "requests without an answer"}
    return [f"{said[key]} {text}" for key, text in names.items() if said[key]]


async def _lost(servers: Servers, fleet: Fleet, said: dict[str, Any], shape: Shape) -> list[str]:
    """Every lead that was answered for is in Kafka, and capture gives each of them one outcome."""
    try:
        await eventually(_quiet(fleet), "every lead has an outcome", within=_DRAIN_S, every=_QUIET_S)
    except AssertionError:
        return ["leads without an outcome"]
    received = sum((await ends_of(servers, INBOUND)).values())
    found = sum([len(await read_to_end(servers, topic)) for topic in _OUTCOMES])
    low = (said["requests"] - said["refused"]) * shape.lines
    high = (said["requests"] + shape.connections) * shape.lines  # what was refused or not waited for may have landed
    faults = [] if low <= received <= high else [f"{received} in Kafka, {low} to {high} answered for"]
    return faults if found == received else [*faults, f"{found} outcomes of {received} leads"]


def _quiet(fleet: Fleet) -> Callable[[], Awaitable[bool]]:
    """Whether capture had nothing before it several times in a row: what wrk gave up on is still being stored."""
    times = 0

    async def quiet() -> bool:
        nonlocal times
        times = times + 1 if await fleet.caught_up() else 0
        return times >= _QUIET_TIMES

    return quiet


async def ends_of(servers: Servers, topic: str) -> dict[int, int]:
    """Where each partition of a topic ends."""
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=servers.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(servers.names.topic(topic), n) for n in range(servers.spine_partitions)]
        return {tp.partition: end for tp, end in (await consumer.end_offsets(places)).items()}
    finally:
        await consumer.stop()
