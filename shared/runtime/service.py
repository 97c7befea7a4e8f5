"""A service as a process: waits for what it needs, consumes, tells its health, and stops in order."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

import asyncpg
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from fastapi import FastAPI

from shared.contracts.topics import ACCESS_GRANTED, COMMAND_TOPICS, COMMANDS_COMPLETED, dead_letter_topic
from shared.messaging import admin
from shared.messaging.broker import create_broker, start_broker, subscribe
from shared.messaging.giving_way import GivingWay
from shared.messaging.lane import Lane
from shared.messaging.leftovers import Leftovers
from shared.messaging.outputs import Outputs
from shared.messaging.raw_producer import RawProducer
from shared.messaging.subscription import Subscription
from shared.messaging.transaction import TransactionalPublisher
from shared.observability import failpoints, logging, tracing
from shared.persistence.database import Database, create_engine, is_transient
from shared.persistence.slots import Slot, lease_slot
from shared.runtime.access import AccessBook
from shared.runtime.clock import utc_now
from shared.runtime.settings import ServiceSettings
from shared.runtime.version import VERSION

log = structlog.get_logger(__name__)
T = TypeVar("T")

_RETRY_S: Final = 0.5
_WATCH_S: Final = 2.0
_TOPICS_S: Final = 10.0
_NO_PROGRESS_S: Final = 180.0
_LOOP_LATE_S: Final = 1.0
# A stop: for the batch under way, for its producer. With requests and Postgres it is done within 15 s, Kafka away too.
_LAST_BATCH_S: Final = 7.0
_GOODBYE_S: Final = 2.0


@dataclass
class Service:
    """Everything of a running service. `publishes` names the topics that its outcomes go to."""

    name: str
    settings: ServiceSettings
    publishes: Sequence[str] = ()
    clock: Callable[[], datetime] = utc_now
    subscriptions: list[Subscription] = field(default_factory=list)
    background: list[Callable[[], "contextlib.AbstractAsyncContextManager[None]"]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dsn = self.settings.postgres_dsn.get_secret_value()
        self.database = Database(create_engine(self.dsn, self.name, pool_size=self.settings.pool_size))
        self.access = AccessBook.from_settings(self.settings)
        self.lanes: list[Lane] = []
        self.phase = "starting"
        self.exit_code = 0
        self.ended = asyncio.Event()
        self.raw: RawProducer | None = None
        self._broker = create_broker(
            self.settings.kafka_bootstrap,
            f"leadstream-{self.name}-{self.settings.replica}",
            session_timeout_ms=self.settings.session_timeout_ms,
        )
        self._publisher: TransactionalPublisher | None = None
        self._slot: Slot | None = None
        self._started = False
        self._ids_at_start: dict[str, str] = {}
        self._topics_checked = time.monotonic()
        self._topics_wrong: str | None = None

    # -- start and stop -----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Start in the background, so that liveness answers while dependencies are awaited; stop in order."""
        logging.configure(
            self.name,
            VERSION,
            self.settings.replica,
            self.settings.log_level,
            console=self.settings.log_format == "console",
        )
        tracing.configure(self.name, VERSION)
        failpoints.arm(self.settings.failpoints)
        running = asyncio.create_task(self._run(), name="service")
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await self._stop()

    async def _run(self) -> None:
        try:
            await self._start()
            async with contextlib.AsyncExitStack() as stack:
                for enter in self.background:
                    await stack.enter_async_context(enter())
                for lane in self.lanes:
                    if lane.subscription.gives_way is not None:
                        await stack.enter_async_context(GivingWay(lane, self.settings.kafka_bootstrap).running())
                self._started = True
                self.phase = "running"
                log.info("service_started", slot=self._slot.number if self._slot else None)
                await self._watch()
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("service_failed")
            self.fail(str(error) if isinstance(error, admin.TopicMismatch) else type(error).__name__)

    async def _start(self) -> None:
        """Kafka first: what enters by the plain producer needs nothing else (capture takes leads without Postgres)."""
        found = await self._wait_for("kafka", self._topics)
        admin.check(found, self._topics_needed(), self.settings.names)
        partitions = {name: topic.partitions for name, topic in found.items()}
        self.raw = await self._wait_for("plain producer", lambda: self._start_raw(partitions))
        self.access.follow(self.settings)
        await self._wait_for("postgres", self._schema_ready)
        self._slot = await self._wait_for("slot", self._lease)
        leftovers = self._leftovers(partitions)
        self._publisher = await self._wait_for("producer", lambda: self._start_publisher(leftovers))
        outputs = Outputs(self.name, VERSION, self.settings.names, partitions)
        ids = self._ids_at_start = _ids_of(found)
        for subscription in self.subscriptions:
            lane = Lane(
                subscription,
                self.settings.names,
                self.database,
                self._publisher,
                outputs,
                self.clock,
                self.fail,
                topic_ids=ids,
                topic_ids_now=self._topic_ids,
            )
            self.lanes.append(lane)
            subscribe(self._broker, lane, session_timeout_ms=self.settings.session_timeout_ms)
        await self._wait_for("consumers", lambda: start_broker(self._broker, self.lanes))

    async def _start_raw(self, partitions: dict[str, int]) -> RawProducer:
        """The broker's own producer, connected before the broker is started."""
        await self._broker.connect()
        producer = self._broker.config.producer._producer.producer  # type: ignore[attr-defined]
        return RawProducer(producer, self.settings.names, partitions)

    async def _stop(self) -> None:
        self.phase = "stopping"
        self._started = False
        await self.access.close()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_LAST_BATCH_S):
                await self._broker.stop()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_GOODBYE_S):
                for lane in self.lanes:
                    await lane.flush_marks()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_GOODBYE_S):
                if self._publisher is not None:
                    await self._publisher.stop()
        if self._slot is not None:
            with contextlib.suppress(Exception):
                await self._slot.release()
        await self.database.dispose()

    def fail(self, reason: str) -> None:
        """End the process: the supervisor starts it again. If it does not end by itself, it is ended."""
        log.error("service_ends", reason=reason)
        self.phase = f"failed: {reason}"
        self.exit_code = 1
        self.ended.set()
        asyncio.get_running_loop().call_later(20, os._exit, 1)

    # -- what it waits for --------------------------------------------------------------------------------------

    async def _wait_for(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until it succeeds: dependencies may come in any order, hours later."""
        said: str | None = None
        while True:
            self.phase = f"waiting for {what}"
            self._check_raw()
            try:
                return await attempt()
            except Exception as error:
                if not _worth_waiting(error):
                    raise
                if (name := type(error).__name__) != said:
                    log.warning("waiting", component=what, error=name)
                    said = name
            await asyncio.sleep(_RETRY_S)

    async def _schema_ready(self) -> None:
        async with self.database.transaction(self.clock()) as work:
            await work.fetch("SELECT 1 FROM marks LIMIT 1")

    def _topics_needed(self) -> list[str]:
        wanted = {topic for subscription in self.subscriptions for topic in subscription.topics}
        wanted |= {*self.publishes, ACCESS_GRANTED, COMMANDS_COMPLETED, COMMAND_TOPICS[self.name]}
        wanted |= {dead_letter_topic(self.name)}
        return sorted(wanted)

    async def _topics(self) -> dict[str, admin.TopicFound]:
        return await admin.describe(self.settings.kafka_bootstrap, self.settings.names, self._topics_needed())

    async def _topic_ids(self) -> dict[str, str]:
        return _ids_of(await self._topics())

    async def _lease(self, preferred: int | None = None) -> Slot:
        holder = f"pid {os.getpid()}, replica {self.settings.replica}"
        group = self.settings.names.group(self.name)
        number = self.settings.replica if preferred is None else preferred
        return await lease_slot(self.dsn, self.name, group, number, holder, self.clock())

    def _leftovers(self, partitions: Mapping[str, int]) -> Leftovers:
        """Where this service's transactions write and commit."""
        names = self.settings.names
        places = [
            TopicPartition(names.topic(topic), n)
            for topic in sorted({*self.publishes, COMMANDS_COMPLETED, dead_letter_topic(self.name)})
            for n in range(partitions[topic])
        ]
        return Leftovers(places, [names.group(subscription.group) for subscription in self.subscriptions])

    async def _start_publisher(self, leftovers: Leftovers) -> TransactionalPublisher:
        assert self._slot is not None
        bootstrap, slot = self.settings.kafka_bootstrap, self._slot
        if not slot.held:
            slot = self._slot = await self._lease()
        try:
            return await TransactionalPublisher.start(
                bootstrap, slot.transactional_id, f"leadstream-{slot.transactional_id}", leftovers, slot
            )
        except TimeoutError:
            await self._take_another_slot(slot)
            raise

    async def _take_another_slot(self, slot: Slot) -> None:
        """A broker that answers, but not with this id: it cannot write the marker that ends the id's last transaction (a
        topic's `max.message.bytes` leaves no room for it), and does not try again before it is restarted itself."""
        await self._topics()
        log.error("transactional_id_given_up", transactional_id=slot.transactional_id)
        await slot.give_up(self.clock())

    # -- health -------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        """End the process when something that cannot be mended in place is gone."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(_WATCH_S)
            if (late := time.monotonic() - began - _WATCH_S) > _LOOP_LATE_S:
                # No heartbeat went out meanwhile: beyond the session time-out the group has expelled this member.
                log.warning("event_loop_blocked", seconds=round(late, 1))
            self._check_raw()
            if self._slot is not None and not self._slot.held:
                await self._hold_slot_again()
            await self._check_topics()
            for lane in self.lanes:
                self._check_progress(lane)

    def _check_raw(self) -> None:
        if self.raw is not None and not self.raw.usable:
            self.fail("the plain producer has died")

    async def _check_topics(self) -> None:
        """A topic that was made anew is not noticed by a consumer for minutes, and is not what its marks are about."""
        if time.monotonic() - self._topics_checked < _TOPICS_S:
            return
        self._topics_checked = time.monotonic()
        try:
            async with asyncio.timeout(_WATCH_S):
                found = await self._topics()
        except (KafkaError, OSError, TimeoutError):
            return
        now = _ids_of(found)
        anew = sorted(name for name, topic_id in now.items() if self._ids_at_start.get(name, topic_id) != topic_id)
        if anew:
            self.fail(f"{', '.join(anew)} was deleted and created again")
        self.note_topics(found)

    def note_topics(self, found: Mapping[str, admin.TopicFound]) -> None:
        """Tell when topics are not what the register says any more. What runs goes on in the partitions that it began
        with, so that no lead's order suffers; a start is refused."""
        try:
            admin.check(found, self._topics_needed(), self.settings.names)
        except admin.TopicMismatch as error:
            if str(error) != self._topics_wrong:
                log.error("topics_changed", reason=str(error))
            self._topics_wrong = str(error)
        else:
            self._topics_wrong = None

    async def _hold_slot_again(self) -> None:
        assert self._slot is not None
        number = self._slot.number
        try:
            self._slot = await self._lease(number)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return  # Postgres is away; nobody else can lease meanwhile
        if self._slot.number != number:
            self.fail("another process took this slot while Postgres was away")

    def _check_progress(self, lane: Lane) -> None:
        if lane.consumer is None or lane.state.stopped or lane.state.waiting_for:
            return
        last = max(lane.consumer.last_progress, lane.state.last_commit)
        if last and time.monotonic() - last > _NO_PROGRESS_S:
            self.fail(f"no progress for {_NO_PROGRESS_S:.0f} s")

    def unready_reasons(self) -> list[str]:
        """Why the service is not ready; empty when it is."""
        if not self._started:
            return [self.phase]
        return [reason for lane in self.lanes if (reason := _lane_unready(lane)) is not None]

    def warnings(self) -> list[str]:
        """What somebody should know although the service works."""
        gone = [
            f"{n} records of {topic} were deleted before {lane.subscription.group} had read them: retention ran out"
            for lane in self.lanes
            for topic, n in sorted(lane.state.gone.items())
        ]
        return gone if self._topics_wrong is None else [self._topics_wrong, *gone]

    def lag(self) -> int | None:
        """Records behind, over all lanes; None before the service consumes."""
        consumers = [lane.consumer for lane in self.lanes if lane.consumer is not None]
        if not self._started:
            return None
        return sum(sum(consumer.lag().values()) for consumer in consumers)


def _ids_of(found: Mapping[str, admin.TopicFound]) -> dict[str, str]:
    return {name: topic.topic_id for name, topic in found.items()}


def _worth_waiting(error: Exception) -> bool:
    missing = (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.InvalidCatalogNameError)
    refused = (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidParameterValueError)
    return is_transient(error) or isinstance(error, (KafkaError, asyncpg.PostgresConnectionError, *missing, *refused))


def _lane_unready(lane: Lane) -> str | None:
    group = lane.subscription.group
    if lane.state.stopped is not None:
        return f"{group} stopped: {lane.state.stopped}"
    if lane.state.waiting_for is not None:
        return f"{group} waits: {lane.state.waiting_for}"
    consumer = lane.consumer
    if consumer is None or not consumer.joined:
        return f"{group} has no assignment yet"
    if not consumer.caught_up and time.monotonic() - max(lane.state.last_commit, consumer.last_progress) > 15:
        return f"{group} is behind and does not move"
    return None
