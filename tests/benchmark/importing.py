"""Importing a large file: rows a second into the inbound topic, and how much memory the importer takes at most."""

import asyncio
import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

import orjson

from shared.contracts.topics import INBOUND_BULK
from tests.benchmark.fleet import new_keys
from tests.benchmark.inbound import inbound_leads
from tests.benchmark.intake import ends_of
from tests.benchmark.machine import cpu_seconds, server_pids
from tests.support.process import ROOT
from tests.support.stack import Servers, dispose, fresh

PARTITIONS: Final = 6
_COLUMNS: Final = (
    "external_id", "email", "phone", "first_name", "last_name", "title", "company", "website", "employees", "city",
    "country", "campaign", "budget", "message",
)  # fmt: skip
_COMMAND: Final = "import sys; sys.argv[0] = 'leadstream'; from services.cli.main import main; main()"


@dataclass(frozen=True, slots=True)
class ImportRun:
    """One file. CPU in microseconds a row, of the importer and of Kafka; `peak_mib` is the importer's memory."""

    rows: int
    file_mib: float
    seconds: float
    peak_mib: float
    cpu_us: dict[str, float]
    faults: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Rows a second."""
        return self.rows / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, object]:
        return {**asdict(self), "rate": self.rate}


async def measure(servers: Servers, sizes: Sequence[int], rounds: int) -> list[ImportRun]:
    """Every size in turn, several rounds. No service runs meanwhile."""
    with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as folder:
        files = {size: Path(folder) / f"{size}.csv" for size in sizes}
        for size, file in files.items():
            write_rows(file, size)
        mib = {size: os.path.getsize(file) / 2**20 for size, file in files.items()}  # noqa: ASYNC240 - before the run
        runs = [(await _round(servers, files[size], size)) for _ in range(rounds) for size in sizes]
        return [replace(run, file_mib=mib[run.rows]) for run in runs]


def write_rows(path: Path, rows: int) -> None:
    """A file as another system would export it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for placed in inbound_leads(rows, 1):
            lead = orjson.loads(placed.value)
            company, address = lead.get("company", {}), lead.get("address", {})
            values = {**lead, **company, **address, "company": company.get("name")}
            writer.writerow([values.get(name) or "" for name in _COLUMNS])


async def _round(servers: Servers, file: Path, rows: int) -> ImportRun:
    mine = await fresh(replace(servers, spine_partitions=PARTITIONS))
    try:
        run = await _import(mine, file, rows)
    finally:
        await dispose(mine, servers)
    print(
        f"import of {rows:,} rows: {run.rate:,.0f}/s, at most {run.peak_mib:.0f} MiB {'; '.join(run.faults)}",
        flush=True,
    )
    return run


async def _import(servers: Servers, file: Path, rows: int) -> ImportRun:
    pids = server_pids({"kafka": servers.kafka})
    before = pids.cpu()
    with tempfile.TemporaryDirectory(prefix="leadstream-bench-") as home, (Path(home) / "said").open("w+b") as said:
        env = {**servers.environment(), **new_keys(), "LEADSTREAM_HOME": home}
        process = _start(file, env, said)
        try:
            peak, used = await _watched(process)
        finally:
            process.kill()
            process.wait()
        said.seek(0)
        text = said.read().decode(errors="replace")
    cpu = {"importer": used * 1e6 / rows} | {name: (s - before[name]) * 1e6 / rows for name, s in pids.cpu().items()}
    report = _report(text)
    stored = sum((await ends_of(servers, INBOUND_BULK)).values())
    faults = [] if stored == rows == report.get("rows") else [f"{stored} rows in Kafka of {rows}: {text[-300:]}"]
    return ImportRun(rows, 0.0, report.get("seconds", 0.0), peak, cpu, tuple(faults))


def _start(file: Path, env: dict[str, str], said: IO[bytes]) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", _COMMAND, "import", str(file), "--source", "bench", "--json"]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=said, stderr=subprocess.STDOUT)


async def _watched(process: "subprocess.Popen[bytes]") -> tuple[float, float]:
    """Until it ends: the most memory (MiB) and the CPU seconds that it has taken."""
    peak = used = 0.0
    while process.poll() is None:
        peak, used = max(peak, _high_water_mib(process.pid)), max(used, cpu_seconds(process.pid))
        await asyncio.sleep(0.05)
    return peak, used


def _high_water_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def _report(text: str) -> dict[str, Any]:
    try:
        return orjson.loads(text[text.index("{") :])  # type: ignore[no-any-return]
    except ValueError:
        return {}
