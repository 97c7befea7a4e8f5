"""What reporting does without traffic: months ahead, and parked records forgotten after their time."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Final

from services.reporting.adapters.postgres.months import create_months, fold_earlier_rows
from services.reporting.adapters.postgres.parked import Filters, count_parked, forget_parked
from services.reporting.adapters.postgres.replays import forget_replays
from services.reporting.settings import ReportingSettings
from shared.observability.metrics import DEAD_LETTERS_HELD
from shared.runtime.background import again_and_again, beside
from shared.runtime.service import Service

_EVERY_S: Final = 3600.0
_COUNTED_EVERY_S: Final = 30.0
_SLICE: Final = 5000


def keeping(service: Service, settings: ReportingSettings) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Background tasks of the service, for as long as it runs."""

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with beside(
            keeping=again_and_again("keeping", lambda: keep_house(service, settings), _EVERY_S),
            counting=again_and_again("counting", lambda: count_dead_letters(service), _COUNTED_EVERY_S),
        ):
            yield

    return running


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
