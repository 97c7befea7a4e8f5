"""Runs faults one after the other over a shared pipeline, and judges each with the same oracle."""

import asyncio
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from aiokafka.errors import KafkaError

from tests.chaos.fault import Broken, Fault, NotRun, World
from tests.chaos.fleet import Fleet
from tests.chaos.oracle import not_bitten
from tests.chaos.pipeline import Load, Pipeline, running_pipeline
from tests.chaos.servers import Ground, running_ground
from tests.chaos.verdict import PASSED, Verdict

# A pipeline that has taken this many leads is replaced, so that reading it stays quick.
_RENEW_AFTER = 120_000
# Until everything must be through, after an outage of minutes in the long run.
_WITHIN_S, _FULL_WITHIN_S = 120.0, 900.0
_SHOWN = (
    "redelivered",
    "aborted records",
    "fenced",
    "batches dropped",
    "batches retried",
    "waits for stable offsets",
    "dead letters",
    "restarts",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run is to do."""

    faults: Sequence[Fault]
    seed: int
    full: bool
    load: Load
    say: Callable[[str], None]


async def run(wish: Wish) -> list[Verdict]:
    """Every fault's verdict, in order."""
    verdicts: list[Verdict] = []
    async with running_ground() as ground, AsyncExitStack() as shared:
        pipeline: Pipeline | None = None
        for number, fault in enumerate(wish.faults):
            if pipeline is None or fault.alone:
                await shared.aclose()
                pipeline = await shared.enter_async_context(running_pipeline(ground, wish.load, wish.seed + number))
            verdict = await judged(fault, ground, pipeline, wish)
            wish.say(f"{verdict.name} {verdict.verdict} in {verdict.seconds:.0f} s {_short(verdict)}")
            verdicts.append(verdict)
            if _used_up(fault, verdict, pipeline):
                _show_logs(verdict, pipeline.fleet, wish.say)
                await shared.aclose()
                pipeline = None
    return verdicts


def _used_up(fault: Fault, verdict: Verdict, pipeline: Pipeline) -> bool:
    tired = len(pipeline.feed.sent.events) > _RENEW_AFTER
    return fault.leaves_damage or bool(verdict.problems) or tired


def _short(verdict: Verdict) -> str:
    parts = ", ".join(f"{name} {seconds:.1f}" for name, seconds in verdict.parts.items())
    said = (
        "; ".join((*verdict.problems, *verdict.missing_bites, verdict.not_run or ""))
        if verdict.verdict != PASSED
        else ""
    )
    return f"({parts}) {said}".strip()


def _show_logs(verdict: Verdict, fleet: Fleet, say: Callable[[str], None]) -> None:
    """The ends of the logs of what fell; whole, they are kept."""
    if not verdict.problems:
        return
    kept = Path(tempfile.mkdtemp(prefix=f"leadstream-{verdict.name}-"))
    for name, process in fleet.processes.items():
        shutil.copy(process.log, kept)
        say(f"--- end of the log of {name}, whole in {kept}\n{process.tail(15)}")


async def judged(fault: Fault, ground: Ground, pipeline: Pipeline, wish: Wish) -> Verdict:
    """Inject, recover, drain, ask the oracle."""
    amount = fault.full if wish.full else fault.short
    world = World(ground, pipeline, random.Random(f"{wish.seed}/{fault.name}"), wish.full)
    before = await pipeline.counted()
    problems, parts, not_run = await _done(fault, world, amount)
    after = await _counted(pipeline, before)
    seen = {**{name: n - before.get(name, 0) for name, n in after.items()}, **world.counts}
    must = fault.must(amount)
    problems += [f"{name}: {seen[name]:g}" for name in fault.must_not(amount) if seen.get(name)]
    return Verdict(
        fault.name,
        fault.title,
        fault.promise,
        wish.seed,
        int(seen.get("leads", 0)),
        {name: seen[name] for name in (*world.counts, *must, *_SHOWN) if seen.get(name)},
        problems,
        [] if problems or not_run is not None else not_bitten(seen, must),
        sum(parts.values()),
        parts,
        pipeline.levels,
        not_run,
    )


async def _counted(pipeline: Pipeline, before: Mapping[str, int]) -> Mapping[str, int]:
    """A fault that fell may have left a pipeline that cannot be asked."""
    try:
        async with asyncio.timeout(30):
            return await pipeline.counted()
    except (TimeoutError, OSError, KafkaError):
        return before


async def _done(fault: Fault, world: World, amount: float) -> tuple[list[str], Mapping[str, float], str | None]:
    steps: dict[str, Callable[[], object]] = {
        "inject": lambda: fault.inject(world, amount),
        "recover": lambda: _recovered(fault, world),
        "drain": lambda: _drained(world),
    }
    parts: dict[str, float] = {}
    world.pipeline.feed.flow()
    problems: list[str] = []
    not_run: str | None = None
    for name, step in steps.items():
        began = time.monotonic()
        try:
            async with asyncio.timeout(fault.limit_s * (10 if world.full else 1)):
                problems += await step() or []  # type: ignore[misc]
        except NotRun as error:
            not_run = str(error)
        except Broken as error:
            problems.append(str(error))
        except TimeoutError:
            problems.append(f"{name} took too long")
        except Exception as error:  # whatever it is: the other faults' turns come
            traceback.print_exception(error, file=sys.stderr)
            problems.append(f"{name}: {type(error).__name__} {error}")
        parts[name] = round(time.monotonic() - began, 1)
        if problems and name == "recover":
            break
    return problems, parts, not_run


async def _recovered(fault: Fault, world: World) -> None:
    await fault.recover(world)
    await world.ground.all_up()
    await world.fleet.ready()


async def _drained(world: World) -> list[str]:
    within = _FULL_WITHIN_S if world.full else _WITHIN_S
    await world.pipeline.feed.pause(within)
    return [*await world.pipeline.through(within), *await world.pipeline.back_to_level()]
