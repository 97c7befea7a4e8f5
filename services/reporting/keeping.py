"""What reporting does without traffic: months ahead, and parked records forgotten after their time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog

from services.reporting.adapters.postgres.months import create_months, fold_earlier_rows
from services.reporting.adapters.postgres.parked import Filters, count_parked, forget_parked
from services.reporting.adapters.postgres.replays import forget_replays
from services.reporting.settings import ReportingSettings
from shared.observability.metrics import DEAD_LETTERS_HELD
from shared.persistence.database import is_transient
from shared.runtime.service import Service

log = structlog.get_logger(__name__)

_EVERY_S: Final = 3600.0
_COUNTED_EVERY_S: Final = 30.0
_SLICE: Final = 5000


def keeping(service: Service, settings: ReportingSettings) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Background tasks of the service, for as long as it runs."""

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(_again_and_again(lambda: keep_house(service, settings), _EVERY_S), name="keeping"),
            asyncio.create_task(
                _again_and_again(lambda: count_dead_letters(service), _COUNTED_EVERY_S), name="counting"
            ),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    return running


async def _again_and_again(work: Callable[[], Awaitable[None]], every_s: float) -> None:
    while True:
        try:
            await work()
        except Exception as error:
            if not is_transient(error):
                raise
            log.info("house_not_kept", error=type(error).__name__)
        await asyncio.sleep(every_s)


async def count_dead_letters(service: Service) -> None:
    """Set the gauge of dead letters by service, reason and what became of them."""
    async with service.database.transaction(service.clock()) as work:
        counts = await count_parked(work, Filters(kind="dead_letter"))
    DEAD_LETTERS_HELD.clear()
    for row in counts:
        DEAD_LETTERS_HELD.labels(service=row["service"], reason=row["reason"], state=row["state"]).set(row["count"])


async def keep_house(service: Service, settings: ReportingSettings) -> None:
    """Create months ahead; take over earlier rows; forget what was parked too long ago."""
    async with service.database.transaction(service.clock()) as work:
        await create_months(work, settings.months_ahead)
        await fold_earlier_rows(work)
    forgotten = _SLICE
    while forgotten == _SLICE:
        async with service.database.transaction(service.clock()) as work:
            before = work.now - timedelta(days=settings.parked_days)
            forgotten = max([await forget(work, before, limit=_SLICE) for forget in (forget_parked, forget_replays)])
