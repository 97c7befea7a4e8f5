"""What a preview of rules costs: the process that reporting hands its past to, with drafts of two kinds. No server is asked."""

import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from services.routing.seed import RULES_FILE
from services.scoring.seed import DEFAULT_MODEL
from tests.support.previews import MEMBERS, many, pieces

LEADS: Final = 100_000
DEEDS: Final = 5
"""Of every second lead, where they do anything."""
_PEAK: Final = """
import runpy, sys
try:
    runpy.run_module("services.preview", run_name="__main__")
finally:  # of the program itself: what rusage tells began with the process that started it
    print([line for line in open("/proc/self/status") if line.startswith("VmHWM")], file=sys.stderr)
"""


@dataclass(frozen=True, slots=True)
class PreviewRun:
    """One preview. `peak_mib` is the most memory that its process held; `deeds` is what leads did, in events."""

    leads: int
    deeds: int
    seconds: float
    peak_mib: float
    changed: int

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def measure(runs: int, leads: int = LEADS) -> list[PreviewRun]:
    """The same two pasts so often, without and with what leads did, from a file: a parent that made it would count for the
    child's memory."""
    scoring = DEFAULT_MODEL.read_text(encoding="utf-8").replace("points: 12", "points: 25")
    assignment = RULES_FILE.read_text(encoding="utf-8").replace(
        "in: [A, B]}\n    assign: {round", "in: [A, B, C]}\n    assign: {round"
    )
    drafts = [{"name": name, "text": text} for name, text in (("scoring", scoring), ("assignment", assignment))]
    job = {"drafts": drafts, "live": {}, "members": MEMBERS, "examples": 5}
    found = []
    with tempfile.TemporaryDirectory() as folder:
        past = Path(folder) / "past"
        for deeds in (0, DEEDS):
            past.write_bytes(pieces(job, list(many(leads, deeds=deeds))))
            found += [_run(past, leads // 2 * deeds) for _ in range(runs)]
    return found


def _run(past: Path, deeds: int) -> PreviewRun:
    before = time.monotonic()
    with past.open("rb") as source:
        done = subprocess.run([sys.executable, "-c", _PEAK], stdin=source, capture_output=True, check=True)
    seconds = time.monotonic() - before
    report = json.loads(done.stdout)
    peak = re.search(rb"VmHWM:\D+(\d+)", done.stderr)
    assert peak is not None
    return PreviewRun(report["leads"], deeds, seconds, int(peak[1]) / 1024, report["changed"]["grade"])


def table(runs: list[PreviewRun]) -> str:
    """The figures for readers."""
    lines = [
        f"| {run.leads:,} | {run.deeds:,} | {run.seconds:.1f} | {run.peak_mib:.0f} | {run.changed:,} |" for run in runs
    ]
    head = ["| leads | deeds | s | MiB at most | change grade |", "|---|---|---|---|---|"]
    return "\n".join(["## A preview of scoring and assignment rules", "", *head, *lines]) + "\n"
