"""`make soak`: half of the measured peak for as long as wished, faults at random, and slopes of what may leak."""

import asyncio
import json
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression, mean

import uvloop

from shared.contracts.topics import SERVICES
from tests.chaos.fault import World
from tests.chaos.faults.f01_kills import kill_one
from tests.chaos.faults.f06_postgres_restarts import terminate_sessions
from tests.chaos.levels import read_levels
from tests.chaos.pipeline import Load, Pipeline, running_pipeline
from tests.chaos.servers import Ground, running_ground

_BURST = 5_000
_SAMPLE_S = 5.0
_PAUSE_S = (15.0, 40.0)
# More is the load's own cost on the machine that it shares with the pipeline.
_MOST = 1_000.0
_WARM_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Limit:
    """How fast a thing may grow a minute; growth below `least` over the whole run is noise."""

    a_minute: float
    least: float


LIMITS: Mapping[str, Limit] = {
    "memory, MiB": Limit(5.0, 64.0),
    "descriptors": Limit(1.0, 24.0),
    "connections": Limit(0.5, 8.0),
    "oldest unprocessed, s": Limit(1.0, 15.0),
}


@dataclass
class Samples:
    """What all services together held, by time (seconds since the start)."""

    at: list[float] = field(default_factory=list)
    rows: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in LIMITS})

    def add(self, at: float, row: Mapping[str, float]) -> None:
        """One look."""
        self.at.append(at)
        for name, value in row.items():
            self.rows[name].append(value)


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth of one thing."""

    name: str
    first: float
    last: float
    a_minute: float
    problem: str | None


def slopes(samples: Samples) -> list[Slope]:
    """Least squares after the first quarter, which is warming up. Pure."""
    skipped = int(len(samples.at) * _WARM_SHARE)
    return [_slope(name, samples.at[skipped:], values[skipped:]) for name, values in samples.rows.items()]


def _slope(name: str, at: Sequence[float], values: Sequence[float]) -> Slope:
    if len(at) < 4:
        return Slope(name, 0, 0, 0, "too few samples")
    a_second = linear_regression(at, values).slope
    grown, limit = a_second * (at[-1] - at[0]), LIMITS[name]
    third = max(1, len(values) // 3)
    over = a_second * 60 > limit.a_minute and grown > limit.least
    problem = f"{name} grows by {a_second * 60:.2f} a minute, {limit.a_minute:g} allowed" if over else None
    return Slope(name, mean(values[:third]), mean(values[-third:]), a_second * 60, problem)


async def measured_peak(pipeline: Pipeline) -> float:
    """Leads a second that the pipeline does now, from a burst."""
    feed = pipeline.feed
    began = time.monotonic()
    feed.burst(_BURST)
    await feed.pause(within=300)
    if problems := await pipeline.through(within=300):
        raise AssertionError(f"wrong before the soak: {'; '.join(problems)}")
    return _BURST / (time.monotonic() - began)


async def soak(minutes: float, seed: int, load: Load) -> tuple[float, Samples, Mapping[str, int], list[str]]:
    """Rate used, samples, what was done, and what is wrong at the end."""
    async with running_ground() as ground, running_pipeline(ground, load, seed) as pipeline:
        rate = min(_MOST, await measured_peak(pipeline) / 2)
        print(f"half of the peak, at most {_MOST:.0f}: {rate:.0f} leads/s", flush=True)
        pipeline.feed.rate = rate
        world = World(ground, pipeline, random.Random(seed), full=True)
        samples = Samples()
        began = time.monotonic()
        pipeline.feed.flow()
        watching = asyncio.create_task(_watch(pipeline, samples, began))
        try:
            while time.monotonic() - began < minutes * 60:
                await world.wait(world.rng.uniform(*_PAUSE_S))
                await _disturb(world)
        finally:
            watching.cancel()
        problems = await _ended(ground, pipeline)
        seen = await pipeline.counted()
        return rate, samples, {**seen, **world.counts}, problems


async def _disturb(world: World) -> None:
    """F01, F06 or F23, at random."""
    choice = world.rng.choice(("kill", "sessions", "rebalance"))
    if choice == "kill":
        await kill_one(world, world.rng.choice(SERVICES))
    elif choice == "sessions":
        await terminate_sessions(world)
    else:
        service = world.rng.choice(SERVICES)
        await world.fleet.guest(service)
        await world.wait(world.rng.uniform(2.0, 6.0))
        await world.fleet.release(f"{service}-1")
        world.count("rebalances", 2)


async def _watch(pipeline: Pipeline, samples: Samples, began: float) -> None:
    while True:
        await asyncio.sleep(_SAMPLE_S)
        members = {name: pipeline.fleet.processes[name] for name in SERVICES}
        if not all([await pipeline.fleet.works(name) for name in SERVICES]) or len(pipeline.fleet.members) > len(
            SERVICES
        ):
            continue  # one that starts, or a guest, is no leak
        levels = await read_levels(pipeline.servers, members)
        age = max([await process.metric("kafka_consumer_lag_seconds") for process in members.values()])
        row = {
            "memory, MiB": sum(level.memory_mib for level in levels.values()),
            "descriptors": float(sum(level.descriptors for level in levels.values())),
            "connections": float(sum(level.connections for level in levels.values())),
            "oldest unprocessed, s": age,
        }
        samples.add(time.monotonic() - began, row)
        print(
            f"{samples.at[-1]:6.0f} s  " + ", ".join(f"{name} {value:.0f}" for name, value in row.items()), flush=True
        )


async def _ended(ground: Ground, pipeline: Pipeline) -> list[str]:
    await ground.all_up()
    await pipeline.fleet.ready()
    await pipeline.feed.pause(within=300)
    return [*await pipeline.through(within=600), *await pipeline.back_to_level()]


def main(minutes: float, seed: int, load: Load, as_json: Path | None, markdown: Path | None) -> int:
    """0 when nothing grew beyond its limit and the oracle found nothing."""
    rate, samples, seen, problems = uvloop.run(soak(minutes, seed, load))
    found = slopes(samples)
    problems += [slope.problem for slope in found if slope.problem]
    text = report(minutes, seed, rate, found, seen, problems)
    print(f"\n{text}")
    if markdown:
        markdown.write_text(text)
    if as_json:
        result = {"minutes": minutes, "seed": seed, "rate": rate, "seen": seen, "problems": problems}
        as_json.write_text(json.dumps({**result, "at": samples.at, "samples": samples.rows}, indent=1))
    return 1 if problems else 0


_DONE = (
    "leads",
    "kills",
    "sessions ended",
    "rebalances",
    "redelivered",
    "aborted records",
    "batches dropped",
    "restarts",
)


def report(
    minutes: float, seed: int, rate: float, found: Sequence[Slope], seen: Mapping[str, int], problems: Sequence[str]
) -> str:
    """Markdown: what was done, a row a slope, what is wrong."""
    done = ", ".join(f"{name} {seen[name]:,}" for name in _DONE if seen.get(name))
    lines = [
        f"Soak of {minutes:g} minutes at {rate:.0f} leads/s, seed {seed}: {done}.",
        "",
        "| all services together | first third | last third | growth a minute | limit |",
        "|---|---|---|---|---|",
        *(
            f"| {s.name} | {s.first:.0f} | {s.last:.0f} | {s.a_minute:+.2f} | {LIMITS[s.name].a_minute:g} |"
            for s in found
        ),
        "",
        *(f"- **{problem}**" for problem in problems),
    ]
    return "\n".join(lines if problems else [*lines, "Nothing lost, nothing doubled, nothing grows."]) + "\n"
