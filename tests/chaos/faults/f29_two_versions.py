"""F29: the version before and this one at work side by side, schemas moved forward under load, and a step back."""

import asyncio
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

import asyncpg

from shared.contracts.topics import SERVICES
from tests.chaos.aside import aside, migrated
from tests.chaos.fault import Fault, World
from tests.chaos.pipeline import Pipeline
from tests.support.process import ROOT, ServiceProcess

_SCHEMAS = "services/*/migrations/versions/*"
_LONGEST_LOCK_S = 1.0
_WAITS = """
    SELECT coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0)::float8 AS longest
    FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
      AND application_name LIKE 'leadstream-%'
"""
_DRAINED_WITHIN_S = 60.0


@cache
def version_before() -> str | None:
    """The newest tag; before the first release, the commit by which the schemas became what they are. None: no history."""
    return _git("describe", "--tags", "--abbrev=0", "--match", "v*") or _git("log", "-1", "--format=%H", "--", _SCHEMAS)


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None


class TwoVersions(Fault):
    name: ClassVar = "F29"
    title: ClassVar = "this version and the one before, mixed, and back"
    promise: ClassVar = "P3, P10"
    short: ClassVar = 1
    full: ClassVar = 5

    def must(self, amount: float) -> Mapping[str, float]:
        if version_before() is None and amount == self.short:
            return {"skipped, no history": 1}
        return {"both at work": len(SERVICES) * amount, "stepped back": amount, "leads through both": 500}

    async def inject(self, world: World, amount: float) -> None:
        before = version_before()
        if before is None:
            world.count("skipped, no history")
            return
        await world.pipeline.feed.pause()
        with tempfile.TemporaryDirectory(prefix="leadstream-chaos-before-") as folder:
            code = Path(folder)
            await asyncio.to_thread(_unpack, before, code)
            for _ in range(int(amount)):
                async with aside(world, code) as pipeline:
                    await self._upgrade(world, pipeline, code)
        world.pipeline.feed.flow()

    async def _upgrade(self, world: World, pipeline: Pipeline, code: Path) -> None:
        pipeline.feed.flow()
        if _versions(code) != _versions(ROOT):
            await self._migrate(world, pipeline)
        fleet = pipeline.fleet
        older = dict(fleet.processes)
        newer = [f"{service}-1" for service in SERVICES]
        for name in newer:
            fleet.launch(name, line=name.partition("-")[0])
        await fleet.ready()
        world.count("both at work", len(newer))
        await world.wait(2.0)
        await asyncio.gather(*(fleet.release(service) for service in SERVICES))
        fleet.processes |= {service: fleet.processes[f"{service}-1"] for service in SERVICES}
        await self._step_back(world, pipeline, older)
        await pipeline.feed.pause()
        problems = await pipeline.through(_DRAINED_WITHIN_S)
        world.require(not problems, f"after the upgrade: {'; '.join(problems)}")
        world.require(fleet.restarts == 0, "a service of either version ended by itself")
        world.count("leads through both", len(pipeline.feed.sent.events))

    async def _step_back(self, world: World, pipeline: Pipeline, older: Mapping[str, ServiceProcess]) -> None:
        """One service is the old one again, on the new schema, beside four new ones."""
        victim, fleet = world.rng.choice(("scoring", "routing", "conversion")), pipeline.fleet
        await fleet.release(f"{victim}-1")
        fleet.processes[victim] = older[victim]
        await fleet.launch(victim).ready()
        await world.wait(1.0)
        world.count("stepped back")

    async def _migrate(self, world: World, pipeline: Pipeline) -> None:
        """Forward, while the old code works: nobody waits long for a lock."""
        migrating = asyncio.create_task(migrated(pipeline.servers.environment()))
        connection = await asyncpg.connect(pipeline.servers.postgres)
        longest = 0.0
        try:
            while not migrating.done():
                longest = max(longest, await connection.fetchval(_WAITS))
                await asyncio.wait([migrating], timeout=0.05)
        finally:
            await connection.close()
            await migrating
        world.count("migrated under load")
        world.require(longest < _LONGEST_LOCK_S, f"a service waited {longest:.1f} s for a lock of the migration")


def _versions(code: Path) -> set[str]:
    return {str(path.relative_to(code)) for path in code.glob(f"{_SCHEMAS}.py")}


def _unpack(revision: str, folder: Path) -> None:
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)


FAULTS = [TwoVersions()]
