"""The process of a preview: one at a time, ended with its request, and no report is told as such."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.reporting.adapters.preview_process import PreviewProcess
from services.reporting.domain.frames import EVENT, framed
from services.reporting.ports import PreviewBusy, PreviewFailed

ECHO = ("-c", "import sys; n = len(sys.stdin.buffer.read()); print('{\"read\": %d}' % n)")
REFUSES = ("-c", "import sys; print('{\"problems\": []}')")
BREAKS = ("-c", "raise SystemExit(1)")
WAITS = ("-c", "import sys; sys.stdin.buffer.read(); import threading; threading.Event().wait()")


async def past(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield framed(EVENT, b"x" * 100_000)


async def test_all_of_the_past_is_written() -> None:
    job = framed(EVENT, b"{}")
    assert await PreviewProcess(ECHO).run({}, past(50)) == {"read": len(job) + 50 * 100_005}


async def test_a_process_that_reads_no_more_has_answered() -> None:
    assert await PreviewProcess(REFUSES).run({}, past(50)) == {"problems": []}


async def test_a_process_without_a_report_is_told() -> None:
    with pytest.raises(PreviewFailed, match="without a report"):
        await PreviewProcess(BREAKS).run({}, past(50))


async def test_one_that_takes_too_long_is_ended() -> None:
    with pytest.raises(PreviewFailed, match="fewer leads"):
        await PreviewProcess(WAITS, longest_s=0.5).run({}, past(1))


async def test_one_runs_at_a_time_and_one_given_up_makes_room() -> None:
    runner = PreviewProcess(WAITS, longest_s=2.0)
    begun = asyncio.Event()

    async def telling() -> AsyncIterator[bytes]:
        begun.set()
        yield framed(EVENT, b"x")

    first = asyncio.create_task(runner.run({}, telling()))
    await begun.wait()
    with pytest.raises(PreviewBusy):
        await runner.run({}, past(1))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    with pytest.raises(PreviewFailed, match="fewer leads"):
        async with asyncio.timeout(30):
            await runner.run({}, past(0))
