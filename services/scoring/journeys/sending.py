"""Sends what journeys have decided and published, beside the lanes: no batch waits for a mail server.

A message goes out at least once, with an idempotency key that stays the same; who has refused since it was decided, or was
erased, gets none. What fails for now is tried again, ever later, for three days; what fails as nobody foresaw, in the text or
in the channel, five times. Neither holds up another message.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

import orjson
import structlog

from services.scoring.journeys.adapters import outbox
from services.scoring.journeys.adapters.outbox import ToSend
from services.scoring.journeys.adapters.sinks import FileSink, NotEver, NotNow, Sink, SinkConfig, sink_of
from services.scoring.journeys.domain.model import Message
from services.scoring.journeys.domain.rendering import Rendered, render
from services.scoring.journeys.domain.running import CompiledJourneys, why_unreachable
from services.scoring.journeys.ports import JourneyModels
from services.scoring.settings import ScoringSettings
from shared.contracts.envelope import rfc3339
from shared.messaging.verdicts import type_and_place
from shared.observability.metrics import MESSAGES_SENT
from shared.runtime.background import beside, is_outage
from shared.runtime.service import Service

log = structlog.get_logger(__name__)

_LOOK_S: Final = 0.5
_TOGETHER: Final = 32
_LEASE: Final = timedelta(seconds=120)
_GIVE_UP: Final = timedelta(days=3)
_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 3600.0
_TRIES_OF_A_BUG: Final = 5
RENDERING_FAILED: Final = "rendering_failed"
CHANNEL_FAILED: Final = "channel_failed"


class Sending:
    """The background of a service. Several processes share the work: each leases what it sends."""

    def __init__(
        self, service: Service, rules: JourneyModels, channels: Mapping[str, SinkConfig], settings: ScoringSettings
    ) -> None:
        self._service = service
        self._rules = rules
        self._sinks: dict[str, Sink] = {name: sink_of(config) for name, config in channels.items()}
        self._folder = settings.channels_folder

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keeps sending."""
        async with beside(sending=self._run()):
            yield

    async def _run(self) -> None:
        while True:
            sent = 0
            try:
                sent = await self.send_due()
            except Exception as error:
                if is_outage(error):
                    log.info("sending_waits", error=type(error).__name__)
                else:
                    log.exception("sending_failed")
            if not sent:
                await asyncio.sleep(_LOOK_S)

    async def send_due(self) -> int:
        """Send what is due, some at a time; how many that were."""
        async with self._service.database.transaction(self._service.clock()) as work:
            leased = await outbox.lease(work, _TOGETHER, _LEASE)
            leads = await outbox.read_leads(work, [each.lead_id for each in leased]) if leased else {}
            rules = await self._rules.read(work) if leased else None
        if rules is not None:
            each_by_itself = (self._one(each, leads.get(each.lead_id), rules) for each in leased)
            failed = [one for one in await asyncio.gather(*each_by_itself, return_exceptions=True) if one is not None]
            if failed:
                raise failed[0]  # of our own database: what it could not note is leased, and comes again
        return len(leased)

    async def _one(self, wanted: ToSend, lead: bytes | None, rules: CompiledJourneys) -> None:
        try:
            rendered = rendered_of(wanted, lead, rules)
        except Exception as error:
            await self._broken(wanted, RENDERING_FAILED, error)
            return
        if isinstance(rendered, str):
            await self._settle(wanted, "dropped", rendered)
            return
        try:
            await self._sink(wanted.channel).deliver(rendered)
        except NotEver as error:
            await self._settle(wanted, "failed", str(error))
        except NotNow as error:
            await self._again(wanted, str(error), give_up=self._service.clock() - wanted.decided_at > _GIVE_UP)
        except Exception as error:
            await self._broken(wanted, CHANNEL_FAILED, error)
        else:
            await self._settle(wanted, "sent", None)

    async def _broken(self, wanted: ToSend, reason: str, error: Exception) -> None:
        """It is our own fault: new rules, a changed lead or a new release may mend it, so it is tried a few times."""
        log.error(reason, send_id=wanted.send_id, journey=wanted.journey, step=wanted.step, error=type_and_place(error))
        await self._again(wanted, reason, give_up=wanted.attempts + 1 >= _TRIES_OF_A_BUG)

    def _sink(self, channel: str) -> Sink:
        """The configured one; a channel that is not configured is a file."""
        if channel not in self._sinks:
            self._sinks[channel] = FileSink(self._folder / f"{channel}.ndjson")
        return self._sinks[channel]

    async def _settle(self, wanted: ToSend, state: str, reason: str | None) -> None:
        MESSAGES_SENT.labels(channel=wanted.channel, outcome=state).inc()
        async with self._service.database.transaction(self._service.clock()) as work:
            await outbox.settle(work, wanted.send_id, state, reason)

    async def _again(self, wanted: ToSend, reason: str, *, give_up: bool) -> None:
        if give_up:
            await self._settle(wanted, "failed", reason)
            return
        MESSAGES_SENT.labels(channel=wanted.channel, outcome="tried").inc()
        wait_s = min(_FIRST_WAIT_S * 2 ** min(wanted.attempts, 20), _LONGEST_WAIT_S)
        async with self._service.database.transaction(self._service.clock()) as work:
            await outbox.postpone(work, wanted.send_id, work.now + timedelta(seconds=wait_s), reason)


def rendered_of(wanted: ToSend, lead: bytes | None, rules: CompiledJourneys) -> Rendered | str:
    """The message as it goes out, or why it does not."""
    if lead is None:
        return "lead_gone"
    facts = orjson.loads(lead)
    message, why_not = message_of(wanted, rules), why_unreachable(wanted.channel, facts)
    if message is None or why_not is not None:
        return why_not or "journey_changed"
    until = None if wanted.valid_until is None else rfc3339(wanted.valid_until)
    return render(message, facts, key=wanted.send_id, code=wanted.code, until=until)


def message_of(wanted: ToSend, rules: CompiledJourneys) -> Message | None:
    """What the live rules say there; None where they have the step no more."""
    compiled = rules.journeys.get(wanted.journey)
    if compiled is None or wanted.step not in compiled.places:
        return None
    step = compiled.journey.steps[compiled.places[wanted.step]]
    message: Message | None = step.offer if step.offer is not None else step.send
    return message if message is not None and message.channel == wanted.channel else None
