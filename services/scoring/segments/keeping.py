"""What segments do without records: what is too old to count, or to be redelivered, is forgotten; who was to be looked at
and was not, is."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from services.scoring.segments.adapters.book import PostgresSegmentBook
from services.scoring.segments.domain.model import LONGEST_DAYS
from services.scoring.segments.handlers.looking import overdue_timer
from shared.persistence.timers import add_timers
from shared.runtime.background import again_and_again, beside
from shared.runtime.service import Service

_EVERY_S: Final = 3600.0
_SLICE: Final = 5000
# The longest window that rules may count in, and a day more; as long as decisions are kept.
_KEPT: Final = {"segment_behaviours": timedelta(days=LONGEST_DAYS + 1), "segment_moves": timedelta(days=100)}
# Of what browsers and mails tell there is far more, and nobody counts it for longer.
_PLENTY: Final = timedelta(days=400)
_OVERDUE: Final = timedelta(hours=1)
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_PLENTIFUL: Final = ["page.%", "mail.%", "link.%", "site.%", "video.%"]


def keeping_segments(service: Service) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Background of the service, for as long as it runs."""

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with beside(
            keeping_segments=again_and_again("forgetting", lambda: forget_old(service), _EVERY_S),
            reminding=again_and_again("reminding", lambda: remind_of_looks(service), _EVERY_S),
        ):
            yield

    return running


async def remind_of_looks(service: Service) -> None:
    """Have those looked at whose moment has long come: a member of an earlier release passed their commands over, or the
    command was a dead letter."""
    async with service.database.transaction(service.clock()) as work:
        last = work.now - _OVERDUE
        overdue = await PostgresSegmentBook().due(work, _EPOCH, None, last, 1)
        if overdue:
            await add_timers(work, [overdue_timer(overdue[0].at, work.now)])


async def forget_old(service: Service) -> None:
    """Forget what is older than it is kept, a slice at a time."""
    for table, kept in _KEPT.items():
        await _forget(service, f"SELECT ctid FROM {table} WHERE at < $1 LIMIT $2", table, kept)
    plenty = "SELECT ctid FROM segment_behaviours WHERE at < $1 AND kind LIKE ANY($3::text[]) LIMIT $2"
    await _forget(service, plenty, "segment_behaviours", _PLENTY, _PLENTIFUL)


async def _forget(service: Service, old: str, table: str, kept: timedelta, *more: Sequence[str]) -> None:
    forgotten = _SLICE
    while forgotten == _SLICE:
        async with service.database.transaction(service.clock()) as work:
            sql = f"DELETE FROM {table} WHERE ctid IN ({old}) RETURNING 1"
            forgotten = len(await work.fetch(sql, work.now - kept, _SLICE, *more))
