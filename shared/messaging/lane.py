"""The delivery path: fetch, decode, handle, store, publish, commit, in that order.

Postgres is committed first and is idempotent by event id; then one Kafka transaction publishes outputs, dead letters
and offsets under the membership with which the batch was fetched. Whatever fails in between leads to a redelivery
that finds its decisions stored and publishes the same event ids (`docs/adr/0002-the-batch-transaction.md`).
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from shared.handling.records import Record, read_record
from shared.messaging.consumer import MemberConsumer
from shared.messaging.fencing import Membership, MembershipLost, current_membership
from shared.messaging.names import Names
from shared.messaging.outputs import Outputs, count
from shared.messaging.settling import EverythingBad, Settled, Settling
from shared.messaging.subscription import Subscription
from shared.messaging.transaction import Consumed, Publisher, PublisherLost
from shared.observability import metrics, tracing
from shared.persistence.database import Database, is_transient
from shared.persistence.marks import Place, raise_marks, read_marks

log = structlog.get_logger(__name__)

_FIRST_BACKOFF_S: Final = 0.1
_LONGEST_BACKOFF_S: Final = 5.0


class DatabaseBehind(Exception):
    """The state in Postgres is older than what Kafka says was published: a restored database."""


class TopicMadeAnew(Exception):
    """A topic is not the one that this process began with: deleted, and created again under its name."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records and the membership under which they were fetched."""

    records: Sequence[Record]
    membership: Membership
    offsets: Mapping[TopicPartition, int]


@dataclass(slots=True)
class LaneState:
    """What health and people see of a lane. `waiting_for` names a transient error while a batch is retried, `gone` how
    many records of which topics were deleted before this group had read them, since the process began."""

    waiting_for: str | None = None
    stopped: str | None = None
    last_commit: float = 0.0
    assigned: int = 0
    gone: Counter[str] = field(default_factory=Counter)


@dataclass
class Lane(ConsumerRebalanceListener):  # type: ignore[misc]
    """One subscription at work. The consumer and the topic ids are set when it is started."""

    subscription: Subscription
    names: Names
    database: Database
    publisher: Publisher
    outputs: Outputs
    clock: Callable[[], datetime]
    on_fatal: Callable[[str], None]
    topic_ids: dict[str, str] = field(default_factory=dict)
    topic_ids_now: Callable[[], Awaitable[Mapping[str, str]]] | None = None
    state: LaneState = field(default_factory=LaneState)
    consumer: MemberConsumer | None = None

    def __post_init__(self) -> None:
        self.group = self.names.group(self.subscription.group)
        self._settling = Settling(self.subscription, self.group, self.database, self.clock)
        self._in_flight = asyncio.Lock()
        self._give_up = asyncio.Event()
        self._published: dict[Place, int] = {}
        self._reconciled = False
        self._assignment = 0
        self.lag_shown: set[TopicPartition] = set()

    # -- the path -----------------------------------------------------------------------------------------------

    async def take(self, raw: Sequence["ConsumerRecord[Any, Any]"]) -> None:
        """Bring one fetched batch through. Never raises: it retries, drops, stops or ends the process.

        FastStream would log an exception and go on with the next batch, which would commit past this one.
        """
        try:
            await self._take(raw)
        except Exception as error:
            log.exception("lane_failed", group=self.group)
            self._end_process(f"the delivery path itself failed: {type(error).__name__}")

    async def _take(self, raw: Sequence["ConsumerRecord[Any, Any]"]) -> None:
        async with self._in_flight:
            batch = self._receive(raw)
            backoff = _FIRST_BACKOFF_S
            while self._may_go_on(batch):
                try:
                    await self._reconcile()
                    with tracing.batch_span(self.group, batch.records):
                        settled = await self._store(batch)
                        await self._publish(batch, settled)
                except MembershipLost:
                    self._drop(batch)
                except (PublisherLost, TopicMadeAnew) as error:
                    self._end_process(str(error))
                except (EverythingBad, DatabaseBehind) as error:
                    self._stop(str(error))
                except Exception as error:
                    backoff = await self._wait_before_retry(error, backoff)
                    continue
                return

    def _receive(self, raw: Sequence["ConsumerRecord[Any, Any]"]) -> Batch:
        """Fetch and decode: raw records to records, with the membership noted at the fetch."""
        assert self.consumer is not None
        self.consumer.untaken = False
        records = self._records(raw)
        ends = {(r.topic, r.partition): r.offset + 1 for r in raw}  # ascending within a partition
        offsets = {TopicPartition(*place): end for place, end in ends.items()}
        metrics.BATCH_SIZE.labels(group=self.group).observe(len(records))
        return Batch(records, self.consumer.fetched_under, offsets)

    def _records(self, raw: Sequence[Any]) -> list[Record]:
        topics = {name: self.names.logical(name) for name in {r.topic for r in raw}}
        known = {
            name: (topic, self.topic_ids[topic], topic in self.subscription.inbound) for name, topic in topics.items()
        }
        return [
            read_record(r, topic, topic_id, inbound=inbound)
            for r in raw
            for topic, topic_id, inbound in [known[r.topic]]
        ]

    async def _store(self, batch: Batch) -> list[Settled]:
        """Handle and store: one Postgres transaction, committed before Kafka's begins."""
        with metrics.BATCH_SECONDS.labels(group=self.group, step="store").time():
            return await self._settling.settle(batch.records, self._published)

    async def _publish(self, batch: Batch, settled: Sequence[Settled]) -> None:
        """Publish and commit: outputs, dead letters and offsets, all or nothing."""
        if self._lost(batch):
            raise MembershipLost
        with metrics.BATCH_SECONDS.labels(group=self.group, step="publish").time():
            outputs = self.outputs.of(settled, self.group)
            await self.publisher.publish(outputs, Consumed(self.group, batch.membership, batch.offsets))
        self._note(batch)
        count(settled, outputs, self.group)

    def _note(self, batch: Batch) -> None:
        """The commit was seen: the next transaction, or the next idle moment, raises `published_to`."""
        self._published = {**self._published, **{self._place(tp): end for tp, end in batch.offsets.items()}}
        self.state.last_commit = time.monotonic()
        self.state.waiting_for = None
        newest = max([record.timestamp for record in batch.records], default=0)
        metrics.LAG_SECONDS.labels(group=self.group).set(max(0.0, self.clock().timestamp() - newest / 1000))

    # -- when it does not go well -------------------------------------------------------------------------------

    def _lost(self, batch: Batch) -> bool:
        assert self.consumer is not None
        return not batch.membership.valid or current_membership(self.consumer) != batch.membership

    def _may_go_on(self, batch: Batch) -> bool:
        if self.state.stopped is not None:
            return False
        if self._lost(batch) or (self._give_up.is_set() and self.state.waiting_for is not None):
            self._drop(batch)
            return False
        return True

    def _drop(self, batch: Batch) -> None:
        """The batch is another member's now. Positions are read anew when the group is joined again."""
        assert self.consumer is not None
        metrics.DROPPED_BATCHES.labels(group=self.group).inc()
        log.warning(
            "batch_dropped", group=self.group, records=len(batch.records), generation=batch.membership.generation
        )
        self.state.waiting_for = None
        self.consumer.rejoin()

    def _stop(self, why: str) -> None:
        """Stay up, consume nothing, be unready until someone acts."""
        assert self.consumer is not None
        log.error("consumer_stopped", group=self.group, reason=why)
        self.state.stopped = why
        self.consumer.halted = True
        metrics.STOPPED.labels(group=self.group).set(1)

    def _end_process(self, why: str) -> None:
        self._stop(why)
        self.on_fatal(why)

    async def _wait_before_retry(self, error: Exception, backoff: float) -> float:
        """Wait in place, alive in the group; a revocation ends the wait."""
        name = type(error).__name__
        if not (is_transient(error) or isinstance(error, KafkaError)):
            log.error("batch_failed_unexpectedly", group=self.group, error=name, exc_info=error)
        self.state.waiting_for = name
        metrics.RETRIES.labels(group=self.group, error=name).inc()
        log.warning("batch_waits", group=self.group, error=name, seconds=round(backoff, 2))
        await self._pause(backoff * random.uniform(0.7, 1.3))  # noqa: S311 - jitter
        return min(backoff * 2, _LONGEST_BACKOFF_S)

    async def _pause(self, seconds: float) -> None:
        assert self.consumer is not None
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self._give_up.is_set():
            try:
                await self.consumer.keep_alive()
            except KafkaError as error:
                log.warning("group_in_trouble", group=self.group, error=type(error).__name__)
            try:
                await asyncio.wait_for(self._give_up.wait(), min(left, 1.0))
            except TimeoutError:
                continue

    # -- marks --------------------------------------------------------------------------------------------------

    def _place(self, tp: TopicPartition) -> Place:
        topic = self.names.logical(tp.topic)
        return Place(self.topic_ids[topic], tp.partition, topic)

    async def _reconcile(self) -> None:
        """Once an assignment: raise `published_to` from the stable committed offsets, and refuse an older database."""
        if self._reconciled:
            return
        assert self.consumer is not None
        assignment = self._assignment
        await self._same_topics()
        assigned = list(self.consumer.assignment())
        committed = await asyncio.gather(*(self.consumer.committed(tp) for tp in assigned))
        ends = {self._place(tp): offset for tp, offset in zip(assigned, committed, strict=True) if offset}
        async with self.database.transaction(self.clock()) as work:
            marks = await read_marks(work, self.group, ends)
            behind = [place for place, end in ends.items() if place not in marks or marks[place].stored_to < end]
            if behind:
                raise DatabaseBehind(_behind(self.subscription.group, behind))
            await raise_marks(work, self.group, {}, ends)
        if again := sum(marks[place].stored_to - end for place, end in ends.items()):
            log.info("redelivered", group=self.group, records=again)
        self._reconciled = assignment == self._assignment  # else other partitions came meanwhile

    async def _same_topics(self) -> None:
        """Marks are kept by topic id: under another topic's they would tell that its records were published before."""
        if self.topic_ids_now is None:
            return
        now = await self.topic_ids_now()
        if others := sorted(
            topic for topic, topic_id in now.items() if self.topic_ids.get(topic, topic_id) != topic_id
        ):
            raise TopicMadeAnew(f"{', '.join(others)} was deleted and created again")

    def gap(self, tp: TopicPartition, reached: int, found: int) -> None:
        """The broker has the position no more. Records that are gone are told of; a shorter log is another topic."""
        topic = self.names.logical(tp.topic)
        if found < reached:
            self._end_process(f"{topic}-{tp.partition} ends before {reached}, where this group stands")
            return
        metrics.RECORDS_GONE.labels(group=self.group, topic=topic).inc(found - reached)
        self.state.gone[topic] += found - reached
        log.error(
            "records_gone",
            group=self.group,
            topic=topic,
            partition=tp.partition,
            records=found - reached,
            first=reached,
        )

    def untaken(self) -> None:
        """A batch was lost between consumer and lane: start again from the committed offsets."""
        self._end_process("a fetched batch never reached the delivery path")

    def stuck(self, why: str) -> None:
        """The consumer cannot go on: another process does better."""
        self._end_process(why)

    async def flush_marks(self) -> None:
        """Raise `published_to` from the commits seen: when idle, on revocation, on stop."""
        if not self._published or self.state.stopped is not None:
            return
        try:
            await self._reconcile()
            async with self.database.transaction(self.clock()) as work:
                await raise_marks(work, self.group, {}, self._published)
        except DatabaseBehind as error:
            self._stop(str(error))
        except TopicMadeAnew as error:
            self._end_process(str(error))
        except Exception as error:
            log.info("marks_not_flushed", group=self.group, error=type(error).__name__)
            return
        self._published = {}

    async def idle(self) -> None:
        """After a fetch that found nothing."""
        self.state.waiting_for = None
        if not self._in_flight.locked():
            metrics.LAG_SECONDS.labels(group=self.group).set(0)
            await self.flush_marks()

    # -- the group ----------------------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Wait for the open transaction; a batch that is only retrying is given up."""
        self._give_up.set()
        async with self._in_flight:
            await self.flush_marks()
            self._published = {}
            self._reconciled = False
            self._settling.forget()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """A new assignment: marks are reconciled before its first batch."""
        self._reconciled = False
        self._assignment += 1
        if self.consumer is not None:
            self.consumer.joined_anew()
        self.state.assigned = len(assigned)
        self._give_up.clear()


def _behind(group: str, places: Sequence[Place]) -> str:
    first = min(places)
    return (
        f"the database of {group} is older than Kafka: {first.topic}-{first.partition} and {len(places) - 1} more were "
        f"published beyond what the database holds. If it was restored from a backup, run "
        f"`leadstream services recover {group}` while the service is stopped; it reads again from where the database ends."
    )
