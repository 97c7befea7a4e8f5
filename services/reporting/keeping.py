"""What reporting does without traffic: months ahead, and parked records forgotten after their time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Final

import structlog

from services.reporting.adapters.postgres.months import create_months
from services.reporting.adapters.postgres.parked import forget_parked
from services.reporting.settings import ReportingSettings
from shared.persistence.database import is_transient
from shared.runtime.service import Service

log = structlog.get_logger(__name__)

_EVERY_S: Final = 3600.0
_SLICE: Final = 5000


def keeping(service: Service, settings: ReportingSettings) -> Callable[[], AbstractAsyncContextManager[None]]:
    """A background task of the service, for as long as it runs."""

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        task = asyncio.create_task(_keep(service, settings), name="keeping")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    return running


async def _keep(service: Service, settings: ReportingSettings) -> None:
    while True:
        try:
            await keep_house(service, settings)
        except Exception as error:
            if not is_transient(error):
                raise
            log.info("house_not_kept", error=type(error).__name__)
        await asyncio.sleep(_EVERY_S)


async def keep_house(service: Service, settings: ReportingSettings) -> None:
    """Create months ahead; forget what was parked too long ago."""
    async with service.database.transaction(service.clock()) as work:
        await create_months(work, settings.months_ahead)
    forgotten = _SLICE
    while forgotten == _SLICE:
        async with service.database.transaction(service.clock()) as work:
            before = work.now - timedelta(days=settings.parked_days)
            forgotten = await forget_parked(work, before, limit=_SLICE)
