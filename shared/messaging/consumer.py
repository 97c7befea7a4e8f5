"""The consumer that knows under which membership it fetched, and keeps its group alive while a batch waits."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, KafkaError, UnsupportedCodecError

from shared.messaging.connections import ended_task_of_consumer, send_or_fail
from shared.messaging.fencing import NO_GENERATION, Membership, current_membership, read_stable_offsets
from shared.messaging.fetched import read_quickly
from shared.messaging.gaps import Positions
from shared.observability.whereabouts import whereabouts

log = structlog.get_logger(__name__)

_IDLE_POLL_MS = 500
_KEEP_ALIVE_S = 1.0
_HELD_S = 0.2
# A batch of fewer records costs more than what it carries: its transactions, in Postgres and in Kafka.
_FEW = 200
_RESTS_TIMES = 2.0
_LONGEST_REST_S = 0.1
# After this long without the group, the process is given up: as long as outages of Kafka that are sat out.
_REJOINED_WITHIN_S = 300.0
_WARNED_AFTER_S = 30.0
_REJOIN_POLL_S = 0.05

read_quickly()
send_or_fail()


class MemberConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """An aiokafka consumer that

    - notes the membership at the moment records are handed over (`fetched_under`),
    - returns only when there are records, and calls `on_idle` after each fetch that found none,
    - rests after a batch of few records twice as long as that took (a tenth of a second at most), so that the next one
      has more: what trickles in takes a third of the lane's time, and a lead that comes alone does not wait,
    - notices when a batch that it handed over never reached the lane (`untaken`, which the lane clears),
    - hands out nothing between `rejoin` and the next assignment, and tells when that does not come, or when a task of
      aiokafka's has ended that it cannot go on without (`on_stuck`),
    - tells when the log has its position no more (`positions.on_gap`),
    - can be kept alive without fetching, so that a long retry does not lose the membership, and can be `held` so.
    """

    fetched_under: Membership = Membership(NO_GENERATION, "")
    caught_up: bool = False
    last_progress: float = 0.0
    halted: bool = False
    held: bool = False
    untaken: bool = False
    _handed_over: tuple[int, float] = (0, 0.0)  # how many records, and when
    on_idle: Callable[[], Awaitable[None]] | None = None
    on_untaken: Callable[[], None] | None = None
    on_stuck: Callable[[str], None] | None = None
    _left_at: float | None = None
    _warned: bool = False
    _ended: bool = False

    @property
    def positions(self) -> Positions:
        """Where it stands in each partition."""
        return self.__dict__.setdefault("_positions", Positions())  # type: ignore[no-any-return]

    @property
    def _fetcher(self) -> Any:
        return self.__dict__.get("_own_fetcher")

    @_fetcher.setter
    def _fetcher(self, fetcher: Any) -> None:
        """Set within `start`, where fetching begins at once: positions are watched from the first on."""
        self.__dict__["_own_fetcher"] = fetcher
        if fetcher is not None:
            self.positions.watch(fetcher)

    async def start(self) -> None:
        await super().start()
        if isinstance(self._coordinator, GroupCoordinator):
            read_stable_offsets(self)

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord[Any, Any]]]:
        if self.untaken:
            self._batch_was_lost()
        await self._rest(max_records)
        while True:
            self._look_at_tasks()
            if self.halted or self.held or self._left_at is not None:
                await self._idle_without_fetching()
                continue
            # No await between the end of this call and the note: that is what ties records to a membership.
            try:
                found = await super().getmany(timeout_ms=max(timeout_ms, _IDLE_POLL_MS), max_records=max_records)
            except Exception as error:
                if not _loses_records(error):
                    raise
                log.error("fetch_failed", error=type(error).__name__)
                self._batch_was_lost()
                continue
            self.fetched_under = current_membership(self)
            if found:
                if (subscribed := self._subscription.subscription) is not None and subscribed.assignment is not None:
                    self.positions.note(subscribed.assignment, found)
                self.caught_up = False
                self.untaken = True
                self._handed_over = sum(map(len, found.values())), time.monotonic()
                return found  # type: ignore[no-any-return]
            stands = self._stands_everywhere()
            self.caught_up = stands and self._coordinator.coordinator_id is not None
            if stands or not self.assignment():
                self.last_progress = time.monotonic()
            if self.on_idle is not None:
                await self.on_idle()

    async def _rest(self, max_records: int | None) -> None:
        count, since = self._handed_over
        self._handed_over = (0, 0.0)
        if 0 < count < min(_FEW, max_records or _FEW):
            await asyncio.sleep(min(_LONGEST_REST_S, _RESTS_TIMES * (time.monotonic() - since)))

    def _batch_was_lost(self) -> None:
        """Records were taken from the fetch and never reached the lane: going on would commit past them."""
        self.halted = True
        if self.on_untaken is not None:
            self.on_untaken()

    async def _idle_without_fetching(self) -> None:
        await self.keep_alive()
        if not self.halted:
            self.last_progress = time.monotonic()
            self._give_up_waiting()
        await asyncio.sleep(_KEEP_ALIVE_S if self.halted else _HELD_S if self.held else _REJOIN_POLL_S)

    def _give_up_waiting(self) -> None:
        waited = 0.0 if self._left_at is None else time.monotonic() - self._left_at
        if waited > _WARNED_AFTER_S and not self._warned:
            self._warned = True
            self._tell_where_it_waits(waited)
        if waited > _REJOINED_WITHIN_S:
            self._stuck("the group was not joined again")

    def _look_at_tasks(self) -> None:
        """aiokafka reads no error of its metadata's and its fetches' tasks: without them nothing would come, for ever."""
        if not self._ended and not self._closed and (ended := ended_task_of_consumer(self)) is not None:
            self._ended = True
            log.error("client_task_ended", task=ended)
            self._stuck(f"aiokafka's task of {ended} has ended")

    def _stuck(self, why: str) -> None:
        self.halted = True
        if self.on_stuck is not None:
            self.on_stuck(why)

    def _stands_everywhere(self) -> bool:
        """Whether it has a position in each of its partitions; and some partition."""
        subscribed = self._subscription.subscription
        assignment = subscribed.assignment if subscribed is not None else None
        if assignment is None or not assignment.tps:
            return False
        states = [assignment.state_value(tp) for tp in assignment.tps]
        return all(state is not None and state.has_valid_position for state in states)

    def _tell_where_it_waits(self, waited: float) -> None:
        tasks = {name: getattr(self._coordinator, f"_{name}_task", None) for name in ("coordination", "heartbeat")}
        log.warning("group_not_joined", seconds=round(waited), **{name: whereabouts(t) for name, t in tasks.items()})

    async def keep_alive(self) -> None:
        """Reset aiokafka's poll clock without taking a record, so that a long retry keeps the membership.

        Raises what the group coordination has to report.
        """
        self._look_at_tasks()
        if self._ended:
            return
        self._coordinator.check_errors()  # before the context, which an error would leave entered
        with self._subscription.fetch_context():
            pass

    @property
    def joined(self) -> bool:
        """Whether the group has given this member its partitions (which may be none, for a spare)."""
        if self._left_at is not None or self._subscription.reassignment_in_progress:
            return False
        return current_membership(self).valid

    def rejoin(self) -> None:
        """Join the group anew: positions are read again from the committed offsets. Nothing is handed out before `joined_anew`."""
        self._left_at = self._left_at or time.monotonic()
        coordinator = self._coordinator
        if isinstance(coordinator, GroupCoordinator):
            coordinator.request_rejoin()

    def joined_anew(self) -> None:
        """The group has given out its partitions."""
        self._left_at = None
        self._warned = False

    def lag(self) -> dict[TopicPartition, int]:
        """Records between position and end. Transaction markers take offsets, so idle partitions count as 0."""
        if self.caught_up:
            return dict.fromkeys(self.assignment(), 0)
        return {tp: self._behind(tp) for tp in self.assignment()}

    def _behind(self, tp: TopicPartition) -> int:
        high = self.highwater(tp)
        state = self._subscription.subscription.assignment.state_value(tp)
        if high is None or state is None or not state.has_valid_position:
            return 0
        return max(0, int(high - state.position))


def _loses_records(error: Exception) -> bool:
    """Whether it came from taking records apart: aiokafka has then moved the position past the ones before it."""
    if isinstance(error, (CorruptRecordException, UnsupportedCodecError)):
        return True
    return not isinstance(error, (KafkaError, ConsumerStoppedError))
