"""The sweeper: timers that are due become commands on their service's own topic.

Lease, send, note. Whatever ends it in between, the lease runs out and the timers are sent again under the same ids, which
the delivery path absorbs. Replicas take turns; a service that was down catches up in order.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson
import structlog

from shared.contracts import ids
from shared.contracts.envelope import Envelope, rfc3339
from shared.contracts.topics import COMMAND_TOPICS
from shared.messaging.raw_producer import RawRecord
from shared.observability.metrics import TIMER_LATENESS, TIMERS_FIRED
from shared.persistence.database import Database
from shared.persistence.timers import DueTimer, lease_due, mark_sent
from shared.runtime.background import beside, is_outage
from shared.runtime.service import Service

log = structlog.get_logger(__name__)

BATCH: Final = 2000
# Longer than sending and noting a batch ever take, and what a batch of a killed process waits.
LEASE: Final = timedelta(seconds=10)
_PAUSE_S: Final = 0.5

Send = Callable[[str, Sequence[RawRecord]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Fires the timers of one service."""

    service: str
    database: Database
    send: Send
    clock: Callable[[], datetime]
    batch: int = BATCH
    lease: timedelta = LEASE

    async def sweep(self) -> int:
        """Send what is due, a batch at most; how many that were."""
        async with self.database.transaction(self.clock()) as work:
            due = await lease_due(work, self.batch, self.lease)
        if not due:
            return 0
        await self.send(COMMAND_TOPICS[self.service], [command_of(timer, self.service) for timer in due])
        async with self.database.transaction(self.clock()) as work:
            await mark_sent(work, due)
        self._observe(due)
        return len(due)

    async def run(self) -> None:
        """Sweep for ever; a full batch is followed by the next at once, an outage is waited for."""
        while True:
            try:
                fired = await self.sweep()
            except Exception as error:
                if not is_outage(error):
                    raise
                log.info("timers_wait", error=type(error).__name__)
                fired = 0
            if fired < self.batch:
                await asyncio.sleep(_PAUSE_S)

    def _observe(self, fired: Sequence[DueTimer]) -> None:
        kinds = [timer.kind for timer in fired]
        for kind in set(kinds):
            TIMERS_FIRED.labels(service=self.service, kind=kind).inc(kinds.count(kind))
        late = (self.clock() - fired[0].due_at).total_seconds()
        TIMER_LATENESS.labels(service=self.service).set(max(0.0, late))


def command_of(timer: DueTimer, service: str) -> RawRecord:
    """The command that a due timer becomes. The same setting of a timer gives the same record."""
    due_at = rfc3339(timer.due_at)
    event_id = ids.derive(ids.COMMANDS, "timer", timer.timer_id, str(timer.generation))
    envelope = Envelope(event_id, timer.kind, f"leadstream/{service}/timers", event_id, due_at)
    setting = {"timer_id": timer.timer_id, "generation": timer.generation, "due_at": due_at}
    value = orjson.dumps({**orjson.loads(timer.payload), **setting})
    return RawRecord(timer.subject.encode(), value, envelope.headers())


def sweeping(service: Service) -> Callable[[], AbstractAsyncContextManager[None]]:
    """The sweeper of a service, for as long as that runs: for `Service.background`."""

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        assert service.raw is not None
        sweeper = Sweeper(service.name, service.database, service.raw.send, service.clock)
        async with beside(sweeper=sweeper.run()) as (task,):
            task.add_done_callback(lambda ended: _on_end(service, ended))
            yield

    return running


def _on_end(service: Service, ended: "asyncio.Task[None]") -> None:
    """No timer fires without the sweeper: the process ends, and is started again."""
    if not ended.cancelled() and (error := ended.exception()) is not None:
        log.error("sweeper_failed", error=type(error).__name__, exc_info=error)
        service.fail(f"the sweeper failed: {type(error).__name__}")
