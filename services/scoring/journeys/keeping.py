"""What is read of the file of channels, and what journeys forget: steps too old to be redelivered."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Final

from services.scoring.journeys.adapters.sinks import SinkConfig, read_channels
from services.scoring.settings import ScoringSettings
from shared.runtime.background import again_and_again, beside
from shared.runtime.service import Service

_EVERY_S: Final = 3600.0
_SLICE: Final = 5000
_KEPT: Final = timedelta(days=100)
_FORGET: Final = """
    DELETE FROM journey_steps WHERE ctid IN (SELECT ctid FROM journey_steps WHERE at < $1 LIMIT $2) RETURNING 1
"""


def channels_of(settings: ScoringSettings) -> Mapping[str, SinkConfig]:
    """The channels that are configured. Raises ChannelsError for a file that is none: better no start than no mail."""
    return {} if settings.channels is None else read_channels(settings.channels.read_bytes())


def keeping_journeys(service: Service) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Background of the service, for as long as it runs."""

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with beside(keeping_journeys=again_and_again("forgetting", lambda: forget_old(service), _EVERY_S)):
            yield

    return running


async def forget_old(service: Service) -> None:
    """Forget steps, a slice at a time. Runs and messages stay: whether a lead may begin again rests on them."""
    forgotten = _SLICE
    while forgotten == _SLICE:
        async with service.database.transaction(service.clock()) as work:
            forgotten = len(await work.fetch(_FORGET, work.now - _KEPT, _SLICE))
