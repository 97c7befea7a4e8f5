"""How far a worker has come, told to the runner through a small mapped file.

The worker writes the kernel's own clocks (CPU of the whole process, as /proc/<pid>/stat counts it, but to the
nanosecond) each time records are handed to the handler. From the first handing-over to the last, everything that the
records before the last one cost is inside: fetch, decode, handle, store, publish, commit.
"""

import mmap
import os
import struct
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.benchmark.sampling import Sampler

GAUGE_VARIABLE: Final = "LEADSTREAM_BENCH_GAUGE"
TOTAL_VARIABLE: Final = "LEADSTREAM_BENCH_TOTAL"
_LAYOUT: Final = struct.Struct("<7q")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the file says. `before_last`: records handed over before the last time. Clocks in nanoseconds."""

    handed: int = 0
    times: int = 0
    before_last: int = 0
    first_at: int = 0
    first_cpu: int = 0
    last_at: int = 0
    last_cpu: int = 0

    @property
    def cpu_us(self) -> float:
        """CPU microseconds a record, between the first and the last handing-over."""
        return (self.last_cpu - self.first_cpu) / 1000 / self.before_last if self.before_last else 0.0

    @property
    def rate(self) -> float:
        """Records a second, between the first and the last handing-over."""
        return self.before_last * 1e9 / (self.last_at - self.first_at) if self.before_last else 0.0


class Gauge:
    """The worker's side."""

    def __init__(self, path: Path, total: int, sampler: Sampler | None = None) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _LAYOUT.size)
        self._total = total
        self._sampler = sampler
        self._handed = 0
        self._times = 0
        self._first = (0, 0)
        self._begun_cpu: int | None = None

    @classmethod
    def from_environment(cls) -> "Gauge":
        return cls(Path(os.environ[GAUGE_VARIABLE]), int(os.environ[TOTAL_VARIABLE]), Sampler.from_environment())

    def begin(self) -> None:
        """CPU counts from now: for clients that fetch on threads of their own before they hand anything over."""
        self._begun_cpu = time.process_time_ns()

    def take(self, records: int) -> None:
        """Note that `records` are handed to the handler now."""
        now, cpu = time.monotonic_ns(), time.process_time_ns()
        if not self._times:
            self._first = (now, cpu if self._begun_cpu is None else self._begun_cpu)
            if self._sampler:
                self._sampler.start()
        before = self._handed
        self._handed += records
        self._times += 1
        _LAYOUT.pack_into(self._memory, 0, self._handed, self._times, before, *self._first, now, cpu)
        if self._sampler and self._handed >= self._total:
            self._sampler.stop()


def prepare(path: Path) -> None:
    """An empty file for a worker to write to."""
    path.write_bytes(bytes(_LAYOUT.size))


def read(path: Path) -> Reading:
    """What the worker wrote last."""
    return Reading(*_LAYOUT.unpack(path.read_bytes()))
