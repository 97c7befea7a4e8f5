"""Runs a service in which looking up a server's name takes a while, or finds nothing.

Hosts that are written as numbers are looked up too: servers are run under no other names here. The file that
`LEADSTREAM_CHAOS_NAMES` names tells how: seconds, then `found` or `missing`; it is read anew each time.
"""

import asyncio
import json
import os
import runpy
import socket
import sys
import time
from pathlib import Path
from typing import Any

import uvloop

from shared.runtime import server_names

NAMES_VARIABLE = "LEADSTREAM_CHAOS_NAMES"
SERVICE_VARIABLE = "LEADSTREAM_CHAOS_SERVICE"
# libuv looks names up in so many threads; one that nobody waits for any more is busy to its end.
_THREADS = 4


class SlowNames:
    """The look-ups of one process."""

    def __init__(self, told_by: Path) -> None:
        self._told_by = told_by
        self._threads = asyncio.Semaphore(_THREADS)

    async def look_up(self) -> None:
        """Raises gaierror where nothing is found."""
        await asyncio.shield(asyncio.ensure_future(self._in_a_thread()))

    async def _in_a_thread(self) -> None:
        async with self._threads:
            seconds, found = self._told()
            await asyncio.sleep(seconds)
            _answer(found)

    def look_up_blocking(self) -> None:
        """The same for who does not wait in the event loop, but blocks it."""
        seconds, found = self._told()
        time.sleep(seconds)
        _answer(found)

    def _told(self) -> tuple[float, bool]:
        seconds, _, found = self._told_by.read_text().partition(" ")
        return float(seconds), found == "found"


def _answer(found: bool) -> None:
    print(json.dumps({"event": "name_found" if found else "name_missing"}), file=sys.stderr, flush=True)
    if not found:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


def main() -> None:
    """Put the look-ups in, then be the service."""
    names = SlowNames(Path(os.environ[NAMES_VARIABLE]))
    resolve, resolve_blocking = uvloop.Loop.getaddrinfo, socket.getaddrinfo

    async def getaddrinfo(loop: Any, *wanted: Any, **options: Any) -> Any:
        await names.look_up()
        return await resolve(loop, *wanted, **options)

    def getaddrinfo_blocking(*wanted: Any, **options: Any) -> Any:
        names.look_up_blocking()
        return resolve_blocking(*wanted, **options)

    server_names.is_address = lambda host: not host
    uvloop.Loop.getaddrinfo = getaddrinfo  # type: ignore[assignment, method-assign]
    socket.getaddrinfo = getaddrinfo_blocking
    runpy.run_module(os.environ[SERVICE_VARIABLE], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
