"""Points at which a test may stop or kill this very process: named in the environment, nothing when off.

`LEADSTREAM_FAILPOINTS="before-end-transaction=stop:3,after-store=exit:1"` stops (SIGSTOP) the process the third time
it comes to the first point, and ends it with code 137 the first time it comes to the second.
"""

import os
import signal
from collections.abc import Callable
from typing import Final

ENVIRONMENT: Final = "LEADSTREAM_FAILPOINTS"


def _off(_name: str) -> None:
    return


def _armed(wanted: str) -> Callable[[str], None]:
    points: dict[str, tuple[str, int]] = {}
    for item in wanted.split(","):
        name, _, action = item.partition("=")
        verb, _, count = action.partition(":")
        points[name.strip()] = (verb, int(count or 1))

    def reach(name: str) -> None:
        verb, left = points.get(name, ("", 0))
        points[name] = (verb, left - 1)
        if left == 1:
            _act(verb)

    return reach


def _act(verb: str) -> None:
    if verb == "exit":
        os._exit(137)
    if verb == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if verb == "raise":
        raise RuntimeError("failpoint")


def arm(wanted: str | None) -> None:
    """Arm the points that `wanted` names; none where it is empty. Called once at start."""
    global _reach
    _reach = _armed(wanted) if wanted else _off


_reach: Callable[[str], None] = _off


def failpoint(name: str) -> None:
    """Mark a point by name."""
    _reach(name)
