"""Ends the children of an owner that was killed. Run as a file with `python -I -S`: standard library only.

Reads lines `add PID SIGNAL` and `drop PID` from its standard input, a pipe that only the owner holds open. When the pipe closes, the owner is
gone: every process group still listed gets its signal, and five seconds later SIGKILL. Then this process ends too.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_SECONDS = 5.0


def send(group: int, number: int) -> bool:
    """Signal a process group; False when it is gone."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def follow(lines: Iterable[str]) -> dict[int, int]:
    """Keep the list until the pipe closes; answers who was left."""
    listed: dict[int, int] = {}
    for line in lines:
        verb, _, rest = line.strip().partition(" ")
        with contextlib.suppress(ValueError):
            if verb == "add":
                group, number = rest.split()
                listed[int(group)] = int(number)
            elif verb == "drop":
                listed.pop(int(rest), None)
    return listed


def end_all(listed: dict[int, int]) -> None:
    left = {group for group, number in listed.items() if send(group, number)}
    give_up = time.monotonic() + GRACE_SECONDS
    while left and time.monotonic() < give_up:
        time.sleep(0.05)
        left = {group for group in left if send(group, 0)}
    for group in left:
        send(group, signal.SIGKILL)


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    end_all(follow(sys.stdin))


if __name__ == "__main__":
    main()
