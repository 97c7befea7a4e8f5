"""Scores that turn by themselves: many leads whose points run out within a minute, each told once, and how late."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from shared.contracts.topics import SCORED
from tests.support.process import ServiceProcess
from tests.support.scoring import create_schema
from tests.support.stack import Servers, dispose, fresh
from tests.support.topics import read_to_end
from tests.support.turning import set_turning

WITHIN: timedelta = timedelta(minutes=1)
_REPLICAS = 2
_EVERY_S = 3.0
# Seconds for a thousand leads to be stored, and for the processes to start, on a machine that is slow.
_STORED_S = 2.0
_STARTED_S = 30.0
_PATIENCE_S = 300.0


@dataclass(frozen=True, slots=True)
class Turning:
    """Seconds from when a score was due to turn until it was told: of half, of 99 in 100, and of the last."""

    leads: int
    told: int
    twice: int
    median_s: float
    late_s: float
    last_s: float

    @property
    def right(self) -> bool:
        """Whether each was told, once."""
        return self.told == self.leads and not self.twice

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


async def measure(servers: Servers, leads: int) -> Turning:
    """Two replicas of scoring, and nothing else to do."""
    mine = await fresh(servers)
    try:
        with TemporaryDirectory(prefix="leadstream-bench-") as folder:
            return await _run(mine, leads, Path(folder))
    finally:
        await dispose(mine, servers)


async def _run(servers: Servers, leads: int, folder: Path) -> Turning:
    await create_schema(servers.postgres)
    wait_s = _STARTED_S + _STORED_S * leads / 1000
    first = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=wait_s)
    await set_turning(servers.postgres, [first + WITHIN * n / leads for n in range(leads)])
    members = [
        ServiceProcess("services.scoring.main", servers.environment(), folder / f"{n}.log", replica=n).start()
        for n in range(_REPLICAS)
    ]
    try:
        for member in members:
            await member.ready(_PATIENCE_S)
        if datetime.now(UTC) > first:
            raise RuntimeError("the first scores were due before scoring was ready: this machine needs fewer leads")
        return _found(leads, await _told(servers, leads, first + WITHIN))
    finally:
        for member in members:
            member.kill()


async def _told(servers: Servers, leads: int, until: datetime) -> list[tuple[str, float]]:
    """Lead and lateness of each score that was told, once all are, or patience is at an end."""
    await asyncio.sleep((until - datetime.now(UTC)).total_seconds())
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        records = await read_to_end(servers, SCORED)
        if len(records) >= leads or time.monotonic() > deadline:
            values = [(record.timestamp, orjson.loads(record.value or b"")) for record in records]
            return [(value["lead"]["lead_id"], _lateness(at, value["score"]["scored_at"])) for at, value in values]
        await asyncio.sleep(_EVERY_S)


def _lateness(told_ms: int, due: str) -> float:
    return told_ms / 1000 - datetime.fromisoformat(due).timestamp()


def _found(leads: int, told: Sequence[tuple[str, float]]) -> Turning:
    late = sorted(lateness for _, lateness in told) or [0.0]
    times = Counter(lead_id for lead_id, _ in told)
    return Turning(
        leads,
        len(times),
        sum(n > 1 for n in times.values()),
        late[len(late) // 2],
        late[int(len(late) * 0.99)],
        late[-1],
    )


def table(found: Turning) -> str:
    """As it is printed."""
    return (
        f"## {found.leads:,} scores that turn within a minute, {_REPLICAS} replicas\n\n"
        "| told | twice | half within | 99 in 100 within | the last within |\n|---|---|---|---|---|\n"
        f"| {found.told:,} | {found.twice} | {found.median_s:.2f} s | {found.late_s:.2f} s | {found.last_s:.2f} s |\n"
    )
