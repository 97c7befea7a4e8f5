"""What a service does beside its records, for as long as it runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from shared.messaging.raw_producer import IntakeUnavailable
from shared.persistence.database import is_transient

log = structlog.get_logger(__name__)


@asynccontextmanager
async def beside(**works: Coroutine[Any, Any, None]) -> AsyncIterator[Sequence["asyncio.Task[None]"]]:
    """Tasks under these names, ended when the block is left."""
    tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


def is_outage(error: BaseException) -> bool:
    """Whether it is a server that was away: the next attempt may well succeed."""
    return is_transient(error) or isinstance(error, (IntakeUnavailable, KafkaError))


async def again_and_again(name: str, work: Callable[[], Awaitable[None]], every_s: float) -> None:
    """Do it for ever, `every_s` apart. What fails is done the next time: quietly after an outage, and told as an error
    otherwise, for a chore that a mistake ended for good would not be missed before it is needed."""
    while True:
        try:
            await work()
        except Exception as error:
            if is_outage(error):
                log.info("chore_waits", chore=name, error=type(error).__name__)
            else:
                log.error("chore_failed", chore=name, error=type(error).__name__, exc_info=error)
        await asyncio.sleep(every_s)
