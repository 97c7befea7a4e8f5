"""A preview as a process of its own: it computes for as long as a minute, and reporting goes on beside it.

The process has no database and no network. It gets the past through a pipe, which bounds what waits in memory, and it ends
when that pipe does: a request that was given up leaves nothing running.
"""

import asyncio
import contextlib
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import orjson

from services.reporting.domain.frames import JOB, framed
from services.reporting.ports import PreviewBusy, PreviewFailed

# A module by its name, because a service imports nothing from above itself.
PROGRAM: Final = ("-m", "services.preview")
_LONGEST_S: Final = 300.0


class PreviewProcess:
    """`PreviewRunner`, one at a time."""

    def __init__(self, program: Sequence[str] = PROGRAM, *, longest_s: float = _LONGEST_S) -> None:
        self._program = program
        self._longest_s = longest_s
        self._running = False

    async def run(self, job: Mapping[str, Any], past: AsyncIterator[bytes]) -> dict[str, Any]:
        """See PreviewRunner."""
        if self._running:
            raise PreviewBusy
        self._running = True
        try:
            async with asyncio.timeout(self._longest_s):
                return await self._run(job, past)
        except TimeoutError:
            raise PreviewFailed("it took too long; ask for fewer leads") from None
        finally:
            self._running = False

    async def _run(self, job: Mapping[str, Any], past: AsyncIterator[bytes]) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *self._program, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
        )
        assert process.stdout is not None
        try:
            answer, _ = await asyncio.gather(process.stdout.read(), _feed(process, job, past))
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if code != 0:
            raise PreviewFailed("its process ended without a report")
        report: dict[str, Any] = orjson.loads(answer)
        return report


async def _feed(process: Process, job: Mapping[str, Any], past: AsyncIterator[bytes]) -> None:
    """Write all of it. A process that has ended, because the drafts are wrong, reads no more."""
    pipe = process.stdin
    assert pipe is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        pipe.write(framed(JOB, orjson.dumps(job)))
        await pipe.drain()
        async for piece in past:
            pipe.write(piece)
            await pipe.drain()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        pipe.close()
        await pipe.wait_closed()
