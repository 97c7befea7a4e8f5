"""A pipeline beside the one that faults are done to: topics and database of its own, of this code or of an older one."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from shared.contracts.topics import SERVICES
from tests.chaos.fault import World
from tests.chaos.feed import Feed
from tests.chaos.fleet import Fleet
from tests.chaos.people import submissions
from tests.chaos.pipeline import Pipeline
from tests.chaos.reading import Reader
from tests.chaos.tally import Tally
from tests.support.process import ROOT, ServiceProcess
from tests.support.stack import dispose, fresh

_LOAD = (100.0, 5.0)


class ProcessOf(ServiceProcess):
    """A service of the code in another folder, with the packages of this environment."""

    code: Path = ROOT

    def start(self, **env: str) -> Self:
        with self.log.open("ab") as out:
            command = [sys.executable, "-m", self.module]
            self._process = subprocess.Popen(command, cwd=self.code, env={**self._env, **env}, stdout=out, stderr=out)
        return self


@asynccontextmanager
async def aside(world: World, code: Path = ROOT) -> AsyncIterator[Pipeline]:
    """Its five services run the code in `code`, on the schemas of that code; its load flows when told to."""
    servers = await fresh(world.ground.servers)
    await migrated(servers.environment(), code)
    with tempfile.TemporaryDirectory(prefix="leadstream-chaos-aside-") as folder:
        fleet = Fleet(world.ground, servers, Path(folder))
        # Redis is the same for all: what was sent in an earlier round is not sent again.
        people = submissions(world.rng.randrange(1 << 30), f"aside-{servers.prefix.rstrip('.')}")
        rate, http_rate = _LOAD
        feed = Feed(servers, people, lambda: capture_url(fleet), rate=rate, http_rate=http_rate)
        pipeline = Pipeline(servers, fleet, feed, Reader(servers), Tally())
        try:
            for name in SERVICES:
                fleet.processes[name] = _process(fleet, name, Path(folder), code)
            await fleet.begin()
            await pipeline.reader.begin()
            await feed.begin()
            yield pipeline
        finally:
            await feed.end()
            await pipeline.reader.end()
            await fleet.end()
            await dispose(servers, world.ground.servers)


def capture_url(fleet: Fleet) -> str:
    """Where the newest capture that runs takes leads."""
    running = [name for name in sorted(fleet.members) if name.startswith("capture")]
    return fleet.processes[running[-1] if running else "capture"].url


def _process(fleet: Fleet, name: str, folder: Path, code: Path) -> ServiceProcess:
    settings = fleet.environment(name) | {"LEADSTREAM_FAILPOINTS": f"@{folder / name}.failpoints"}
    process = ProcessOf(f"services.{name}.main", settings, folder / f"{name}.log")
    process.code = code
    return process


async def migrated(environment: dict[str, str], code: Path = ROOT) -> None:
    """Bring the schemas to where `code` wants them. Raises AssertionError with what was said when it does not."""
    settings = {**os.environ, **environment, "LEADSTREAM_HOME": str(code)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.cli", "migrate"),
        cwd=code,
        env=settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode(errors="replace")
