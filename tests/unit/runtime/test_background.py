"""Chores beside the records: they end with their service, and no mistake ends them before."""

import asyncio

import structlog.testing

from shared.messaging.raw_producer import IntakeUnavailable
from shared.runtime.background import again_and_again, beside


async def test_a_chore_that_fails_is_told_and_done_again() -> None:
    failures = [ValueError("a mistake"), IntakeUnavailable("Kafka is away")]
    done = asyncio.Event()

    async def chore() -> None:
        if failures:
            raise failures.pop(0)
        done.set()

    with structlog.testing.capture_logs() as logs:
        async with beside(chore=again_and_again("tidying", chore, 0.0)) as (task,):
            await asyncio.wait_for(done.wait(), 10)
    told = [(line["event"], line["log_level"], line["chore"], line["error"]) for line in logs]
    assert told[:2] == [
        ("chore_failed", "error", "tidying", "ValueError"),
        ("chore_waits", "info", "tidying", "IntakeUnavailable"),
    ]
    assert task.cancelled()


async def test_all_of_them_end_with_the_block() -> None:
    ended: list[str] = []
    begun = {"one": asyncio.Event(), "two": asyncio.Event()}

    async def work(name: str) -> None:
        begun[name].set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async with beside(one=work("one"), two=work("two")) as tasks:
        await asyncio.wait_for(asyncio.gather(*(each.wait() for each in begun.values())), 10)
        assert [task.get_name() for task in tasks] == ["one", "two"] and ended == []
    assert ended == ["one", "two"]
