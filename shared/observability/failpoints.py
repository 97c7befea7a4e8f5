"""Points at which a test may stop, block or kill this very process: named in the environment, nothing when off.

`LEADSTREAM_FAILPOINTS="before-end-transaction=stop:3,after-store=exit:1"` stops (SIGSTOP) the process the third time
it comes to the first point, and ends it with code 137 the first time it comes to the second. `in-store=block:1:15` holds
the whole process up for 15 s, `in-store=raise:1` raises an error. `LEADSTREAM_FAILPOINTS="@file"` reads the same from a
file, at start and at each SIGUSR2.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

ENVIRONMENT: Final = "LEADSTREAM_FAILPOINTS"


def _off(_name: str) -> None:
    return


def _armed(wanted: str) -> Callable[[str], None]:
    points: dict[str, tuple[str, int, float]] = {}
    for item in wanted.split(","):
        name, _, action = item.partition("=")
        verb, count, seconds = [*action.split(":"), "", ""][:3]
        points[name.strip()] = (verb, int(count or 1), float(seconds or 0))

    def reach(name: str) -> None:
        verb, left, seconds = points.get(name, ("", 0, 0.0))
        points[name] = (verb, left - 1, seconds)
        if left == 1:
            _act(verb, seconds)

    return reach


def _act(verb: str, seconds: float) -> None:
    if verb == "exit":
        os._exit(137)
    if verb == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if verb == "block":
        time.sleep(seconds)
    if verb == "raise":
        raise RuntimeError("failpoint")


def arm(wanted: str | None) -> None:
    """Arm the points that `wanted` names; none where it is empty. Called once at start, in the main thread."""
    global _reach
    if wanted and wanted.startswith("@"):
        path = Path(wanted[1:])
        signal.signal(signal.SIGUSR2, lambda _signal, _frame: arm(_read(path)))
        wanted = _read(path)
    _reach = _armed(wanted) if wanted else _off


def _read(path: Path) -> str:
    return path.read_text().strip() if path.exists() else ""


_reach: Callable[[str], None] = _off


def failpoint(name: str) -> None:
    """Mark a point by name."""
    _reach(name)
