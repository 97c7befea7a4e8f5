"""Counts what a fault did, from the services' logs and metrics, across the lives of their processes."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from tests.support import http
from tests.support.process import ServiceProcess

_METRICS: Final = {
    "unstable_offset_waits_total": "waits for stable offsets",
    "fencings_total": "commits refused by the group",
    "dropped_batches_total": "batches dropped",
    "batch_retries_total": "batches retried",
    "published_before": "records published before",
}
_SAMPLE: Final = re.compile(r"^(\w+)(\{[^}]*\})? ([0-9.e+]+)$", re.MULTILINE)
_WITH_RECORDS: Final = frozenset({"redelivered"})


class Tally:
    """Totals since the pipeline began; a fault looks at the difference."""

    def __init__(self) -> None:
        self._offsets: dict[Path, int] = {}
        self._logged: Counter[str] = Counter()
        self._measured: dict[tuple[int, str], float] = {}

    def read_logs(self, logs: Mapping[str, Path]) -> None:
        """What the services have said since the last call."""
        for path in logs.values():
            if path.exists():
                with path.open("rb") as file:
                    file.seek(self._offsets.get(path, 0))
                    text = file.read()
                whole = text.rfind(b"\n") + 1
                self._offsets[path] = self._offsets.get(path, 0) + whole
                for line in text[:whole].splitlines():
                    self._note(line)

    def _note(self, line: bytes) -> None:
        try:
            entry: dict[str, Any] = json.loads(line)
        except ValueError:
            return
        event = str(entry.get("event", ""))
        self._logged[f"log {event}"] += int(entry.get("records", 1)) if event in _WITH_RECORDS else 1
        if entry.get("cause") == "MembershipLost" or "fenced" in str(entry.get("reason", "")):
            self._logged["fenced"] += 1
        if event == "redelivered":
            self._logged["redelivered"] += int(entry.get("records", 1))
        if event == "batch_waits":
            self._logged[f"waits {entry.get('error')}"] += 1

    async def read_metrics(self, processes: Mapping[str, ServiceProcess]) -> None:
        """The counters of every process that answers; those of ended ones stay as they were last seen."""
        for process in processes.values():
            if not process.running or process.frozen():
                continue
            try:
                async with http.client(process.url, timeout=1) as client:
                    text = (await client.get("/metrics")).text
            except httpx.HTTPError:
                continue
            for name, value in measured(text).items():
                self._measured[process.pid, name] = value

    def totals(self) -> Counter[str]:
        """Everything counted so far, by name."""
        found: Counter[str] = Counter(self._logged)
        for (_, name), value in self._measured.items():
            found[name] += int(value)
        return found


def measured(text: str) -> dict[str, float]:
    """The counters that the oracle looks at, from a metrics page, by the names that people read."""
    found: Counter[str] = Counter()
    for name, labels, value in _SAMPLE.findall(text):
        shown = _METRICS.get(name)
        if name == "records_total" and 'outcome="published_before"' in labels:
            shown = _METRICS["published_before"]
        if shown is not None:
            found[shown] += float(value)  # type: ignore[assignment]
    return dict(found)
