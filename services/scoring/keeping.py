"""What scoring does without traffic: behaviour that is too old to count is forgotten, a draft begins to look on or ends, a learned model
is watched."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from services.scoring.adapters.logs import forget_deeds
from services.scoring.adapters.shadow import Running
from services.scoring.drift import DriftWatch, find_drift
from services.scoring.rates import hold_rates
from shared.runtime.background import again_and_again, beside
from shared.runtime.service import Service

_EVERY_S: Final = 3600.0
_SHADOW_S: Final = 2.0
_SLICE: Final = 1000


def keeping(service: Service, shadow: Running) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Background tasks of the service, for as long as it runs."""

    watch = DriftWatch()

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        async with beside(
            forgetting=again_and_again("forgetting", lambda: forget_old(service), _EVERY_S),
            holding=again_and_again("holding", lambda: hold_rates(service), _EVERY_S),
            watching=again_and_again("watching", lambda: look_for_drift(service, watch), _EVERY_S),
            shadow=again_and_again("shadow", lambda: look_for_shadow(service, shadow), _SHADOW_S),
        ):
            yield

    return running


async def forget_old(service: Service) -> None:
    """Forget old behaviour, a slice at a time."""
    looked_into = _SLICE
    while looked_into == _SLICE:
        async with service.database.transaction(service.clock()) as work:
            looked_into = await forget_deeds(work, limit=_SLICE)


async def look_for_shadow(service: Service, shadow: Running) -> None:
    """Take up the draft that is to run beside the live model, if any."""
    async with service.database.transaction(service.clock()) as work:
        await shadow.refresh(work)


async def look_for_drift(service: Service, watch: DriftWatch) -> None:
    """Look whether live scores have moved away from those that the live model was learned from."""
    async with service.database.transaction(service.clock()) as work:
        drift = await find_drift(work)
    watch.note(drift)
