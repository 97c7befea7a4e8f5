"""F38: an import killed at row k and gone on with, the same file again, two imports of it at once."""

import asyncio
import csv
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import orjson

from shared.contracts.topics import INBOUND_BULK
from tests.chaos.fault import Fault, World
from tests.support.process import ROOT
from tests.support.waiting import eventually

_COMMAND = "import sys; sys.argv[0] = 'leadstream'; from services.cli.main import main; main()"
_ROWS = 9_240
# More than a chunk of the importer, so that there is something left to kill it at.
_ROWS_EACH = 2_500
_DAMAGED_EVERY = 100
_LOOK_S = 0.005
_KILLED_WITHIN_S = 0.03
_SETTLED_WITHIN_S = 120.0
_OUTCOMES = """
    SELECT outcome, count(*) AS n FROM capture.decisions
    WHERE outcome IN ('new', 'merged', 'rejected') AND detail::json ->> 'source' = $1 GROUP BY 1
"""


class Imports(Fault):
    name: ClassVar = "F38"
    title: ClassVar = "imports killed at row k, the same file again, two at once"
    promise: ClassVar = "P2, P3"
    short: ClassVar = 4
    full: ClassVar = 20
    limit_s: ClassVar = 900.0

    def must(self, amount: float) -> Mapping[str, float]:
        return {"imports killed": amount, "gone on at a row": amount, "imports to the end": 4}

    async def inject(self, world: World, amount: float) -> None:
        with tempfile.TemporaryDirectory(prefix="leadstream-chaos-") as folder:
            home = Path(folder)
            rows = max(_ROWS, int(_ROWS_EACH * (amount + 1)))
            people = _write(home / "leads.csv", rows, world.token)
            world.pipeline.feed.sent.people.update(dict.fromkeys(people))
            for _ in range(int(amount)):
                await self._killed(world, home)
            reports = [await self._to_the_end(world, home, "--resume"), await self._to_the_end(world, home)]
            reports += await asyncio.gather(self._to_the_end(world, home), self._to_the_end(world, home))
            damaged = rows // _DAMAGED_EVERY
            for report in reports:
                found = (report["rows"], report["rejected"], report["stopped"])
                world.require(found == (rows, damaged, False), f"an import tells of {found}, not of {rows} rows")
                lines = _lines(Path(report["rejected_file"]))
                world.require(lines == damaged, f"{lines} rejected rows in their file, not {damaged}")
            await self._exactly(world, rows, damaged)

    async def _killed(self, world: World, home: Path) -> None:
        """Until its checkpoint has moved on by itself."""
        before = _reached(home)
        process = await self._started(world, home, "--resume", "--json")
        ended = asyncio.create_task(process.wait())

        async def moved_on() -> bool:
            return ended.done() or _reached(home) > before

        try:
            await eventually(moved_on, "the import's checkpoint moves", within=150, every=_LOOK_S)
            await asyncio.wait([ended], timeout=world.rng.random() * _KILLED_WITHIN_S)
            if not ended.done():
                process.kill()
                world.count("imports killed")
                world.count("gone on at a row", int(_reached(home) > before))
        finally:
            await ended

    async def _to_the_end(self, world: World, home: Path, *options: str) -> dict[str, Any]:
        process = await self._started(world, home, *options, "--json")
        said, wrong = await process.communicate()
        world.require(process.returncode == 0, f"an import ended with {process.returncode}: {wrong.decode()[-300:]}")
        world.count("imports to the end")
        report: dict[str, Any] = orjson.loads(said)
        return report

    async def _started(self, world: World, home: Path, *options: str) -> asyncio.subprocess.Process:
        env = {
            **os.environ,
            **world.fleet.environment("guest"),
            **world.servers.environment(),
            "LEADSTREAM_HOME": str(home),
        }
        return await asyncio.create_subprocess_exec(
            sys.executable, "-c", _COMMAND, "import", str(home / "leads.csv"), "--source", f"fair-{world.token}", *options,
            cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def _exactly(self, world: World, rows: int, damaged: int) -> None:
        """Each row once, whatever was sent twice: new or rejected, and nothing else."""
        expected = {"new": rows - damaged, "rejected": damaged}
        found: dict[str, int] = {}

        async def settled() -> bool:
            nonlocal found
            found = {
                str(row["outcome"]): int(str(row["n"])) for row in await world.sql(_OUTCOMES, f"fair-{world.token}")
            }
            evidence = await world.pipeline.reader.catch_up()
            bulk = {place for place in evidence.received if place.topic == INBOUND_BULK}
            return found == expected and bulk <= evidence.outcomes.keys()

        try:
            await world.until(settled, f"the rows come to {expected}", _SETTLED_WITHIN_S)
        finally:
            world.count("rows new", found.get("new", 0))
            world.count("rows rejected", found.get("rejected", 0))


def _write(path: Path, rows: int, token: str) -> list[str]:
    """A file of private people, whom nothing converts; every hundredth row is swallowed into one cell."""
    people: list[str] = []
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["External ID", "Email", "First Name", "Job Title"])
        for n in range(1, rows + 1):
            person = f"import-{token}-{n}"
            cells = [person, f"{person}@gmail.com", "Chen", "Student"]
            if n % _DAMAGED_EVERY:
                people.append(person)
            writer.writerow(cells if n % _DAMAGED_EVERY else [",".join(cells)])
    return people


def _reached(home: Path) -> int:
    """The last row that an import knows to be stored."""
    rows = [int(orjson.loads(path.read_bytes())["row"]) for path in (home / ".leadstream/imports").glob("*.json")]
    return max(rows, default=0)


def _lines(path: Path) -> int:
    """The rows below the header."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return sum(1 for _ in csv.reader(file)) - 1


FAULTS = [Imports()]
