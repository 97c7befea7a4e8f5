"""A clock that is wrong in one process: libfaketime stands before the C library there, and a file says by how much.

Only the time of day is shifted; the clock that waits are measured by goes on as it does. The file is read anew every second.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from tests.benchmark.environments import NotAvailable, interpreter

_LOCKS = Path(__file__).parent
_LIBRARY = "libfaketime/vendor/libfaketime/src/libfaketime.so.1"


@dataclass(frozen=True, slots=True)
class SkewedClock:
    """The clock of the processes that are started with `environment`. `told_by` is the file that says how wrong it is."""

    told_by: Path

    def environment(self) -> dict[str, str]:
        """What to start a process with. Raises NotAvailable where the library cannot be had."""
        return {
            "LD_PRELOAD": str(_library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.told_by),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def shift(self, seconds: int) -> None:
        """Shift the clock by so much from the right time, within a second or so."""
        fresh = self.told_by.with_suffix(".new")
        fresh.write_text(f"{seconds:+d}\n")
        os.replace(fresh, self.told_by)


def _library() -> Path:
    folder = interpreter("chaos", _LOCKS).parent.parent
    found = sorted(folder.glob(f"lib/python*/site-packages/{_LIBRARY}"))
    if not found:
        raise NotAvailable("libfaketime has no library for this system")
    return found[0]
