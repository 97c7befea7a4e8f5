"""What capture does without traffic: strangers who became known are let go, what is old is forgotten."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from typing import Final

from services.capture.adapters.postgres.quarantine import forget_settled
from services.capture.adapters.postgres.strangers import forget_behaviour, forget_strangers, known_by_now
from services.capture.settings import CaptureSettings
from shared.contracts import ids
from shared.contracts.commands.behaviour import StitchBehaviour
from shared.contracts.envelope import Envelope, rfc3339
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.messaging.raw_producer import RawRecord
from shared.runtime.background import again_and_again, beside
from shared.runtime.service import Service

_LOOK_EVERY_S: Final = 1.0
_FORGET_EVERY_S: Final = 3600.0
_TOGETHER: Final = 20
# A command that was sent is not sent again at once: it may be waiting behind others.
_PATIENCE_S: Final = 5.0
_SLICE: Final = 5000


def keeping(service: Service, settings: CaptureSettings) -> Callable[[], AbstractAsyncContextManager[None]]:
    """Background tasks of the service, for as long as it runs."""

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        follower = Follower(service)
        async with beside(
            following=again_and_again("following", follower.look, _LOOK_EVERY_S),
            forgetting=again_and_again("forgetting", lambda: forget_old(service, settings), _FORGET_EVERY_S),
        ):
            yield

    return running


class Follower:
    """Finds strangers who are known by now. Each look costs the same, however many wait: those who were heard of lately,
    and a slice of all others, one after the other."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._after = ""
        self._sent: dict[str, float] = {}

    async def look(self) -> None:
        """One look; commands for those who were found."""
        async with self._service.database.transaction(self._service.clock()) as work:
            found, self._after = await known_by_now(work, self._after)
        now = time.monotonic()
        self._sent = {digest: at for digest, at in self._sent.items() if now - at < _PATIENCE_S}
        if fresh := sorted(digest for digest in found if digest not in self._sent):
            await self._send(fresh)
            self._sent.update(dict.fromkeys(fresh, now))

    async def _send(self, digests: Sequence[str]) -> None:
        assert self._service.raw is not None
        parts = [digests[first : first + _TOGETHER] for first in range(0, len(digests), _TOGETHER)]
        await self._service.raw.send(CAPTURE_COMMANDS, [self._command(part) for part in parts])

    def _command(self, digests: Sequence[str]) -> RawRecord:
        event_id = ids.new_id()
        at = rfc3339(self._service.clock())
        envelope = Envelope(event_id, StitchBehaviour.TYPE, "leadstream/capture/following", event_id, at)
        data = StitchBehaviour(parties=list(digests))
        return RawRecord(digests[0].encode(), data.model_dump_json().encode(), envelope.headers())


async def forget_old(service: Service, settings: CaptureSettings) -> None:
    """Forget events, strangers and what was settled in quarantine after their time, a slice at a time."""
    forgotten = _SLICE
    while forgotten == _SLICE:
        async with service.database.transaction(service.clock()) as work:
            before = work.now - timedelta(days=settings.behaviour_days)
            forgotten = await forget_behaviour(work, before, limit=_SLICE)
    forgotten = _SLICE
    while forgotten == _SLICE:
        async with service.database.transaction(service.clock()) as work:
            before = work.now - timedelta(days=settings.visitor_days)
            stranger_before = work.now - timedelta(days=settings.behaviour_days)
            forgotten = await forget_strangers(work, stranger_before, before, limit=_SLICE)
    forgotten = _SLICE
    while forgotten == _SLICE:
        async with service.database.transaction(service.clock()) as work:
            before = work.now - timedelta(days=settings.quarantine_days)
            forgotten = await forget_settled(work, before, limit=_SLICE)
