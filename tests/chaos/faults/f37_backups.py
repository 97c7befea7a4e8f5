"""F37: a service's database is dumped under load, lost, and restored from the dump while Kafka has gone on: the service refuses
to start and says what to do, and that is done."""

import asyncio
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from deploy.local.postgres import wheel_folder
from shared.contracts.topics import SCORED
from tests.chaos.crowd import cold_of, leads_of
from tests.chaos.fault import Fault, World
from tests.chaos.faults.restored_database import recover_by_the_book, refuses

_VICTIM = "scoring"


class BackupAndRestore(Fault):
    """The amount is the people who come after the backup, beside the load."""

    name: ClassVar = "F37"
    title: ClassVar = "dumped under load, restored while Kafka went on, as documented"
    promise: ClassVar = "P2, P3"
    short: ClassVar = 60
    full: ClassVar = 3000

    def must(self, amount: float) -> Mapping[str, float]:
        return {"leads after the backup": amount, "refused": 1, "partitions set back": 1, "published again": amount}

    async def inject(self, world: World, amount: float) -> None:
        reader = world.pipeline.reader
        with TemporaryDirectory(prefix="leadstream-chaos-dump-") as folder:
            dump = Path(folder) / "scoring.dump"
            before = (await reader.catch_up()).records[SCORED]
            await _run("pg_dump", "--format=custom", f"--schema={_VICTIM}", f"--file={dump}", world.servers.postgres)
            await self._people(world, int(amount))
            await world.fleet.stop(_VICTIM)
            lost = (await reader.catch_up()).records[SCORED] - before
            again = reader.evidence.repeated[SCORED]
            await world.sql(f"DROP SCHEMA {_VICTIM} CASCADE")
            await _run("pg_restore", "--exit-on-error", f"--dbname={world.servers.postgres}", str(dump))
        world.fleet.launch(_VICTIM)
        await world.until(lambda: refuses(world), "scoring refuses a database that is older than Kafka", within=60)
        world.count("refused")
        await recover_by_the_book(world)
        await self._again(world, again, lost)

    async def _people(self, world: World, people: int) -> None:
        name = f"dumped-{world.token}"
        for person in range(people):
            world.pipeline.feed.send(cold_of(name, person))
        await leads_of(world, [f"{name}-{person}" for person in range(people)], SCORED)
        world.count("leads after the backup", people)

    async def _again(self, world: World, again: int, lost: int) -> None:
        """What the lost database had published goes out again under the same ids, and nothing else does."""
        await world.pipeline.feed.pause()
        await world.until(world.fleet.caught_up, "all is quiet after the restore", within=90)
        evidence = await world.pipeline.reader.catch_up()
        repeated = evidence.repeated[SCORED] - again
        world.count("published again", repeated)
        world.require(repeated <= lost, f"{repeated} scores went out again, {lost} came after the backup began")
        evidence.repeated[SCORED] = again
        world.pipeline.feed.flow()


async def _run(tool: str, *arguments: str) -> None:
    command = [str(wheel_folder() / "pginstall" / "bin" / tool), *arguments]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{tool}: {done.stderr[-2000:]}"


FAULTS = [BackupAndRestore()]
