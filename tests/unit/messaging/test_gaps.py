"""A position that the log has no more is told of, and a log that ends before it is another topic."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, cast

from aiokafka import TopicPartition

from shared.contracts.topics import CAPTURED
from shared.messaging.gaps import Positions
from shared.messaging.lane import Lane
from shared.messaging.names import Names
from shared.observability import metrics

HERE = TopicPartition(CAPTURED, 0)


class State:
    """A partition's state as aiokafka keeps it: where it stands, or that it waits to be placed anew."""

    def __init__(self, position: int | None, *, awaiting_reset: bool = False) -> None:
        self.position = position
        self.awaiting_reset = awaiting_reset

    @property
    def has_valid_position(self) -> bool:
        return self.position is not None


class Fetcher:
    """Places its partition where the broker says."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def _update_fetch_positions(self, assignment: Any, node_id: int, tps: Any) -> bool:
        self.state.position, self.state.awaiting_reset = self.placed, False
        return False

    async def place(self, position: int) -> None:
        self.placed = position
        assignment = SimpleNamespace(state_value=lambda tp: self.state)
        await self._update_fetch_positions(assignment, 1, [HERE])


def watched(state: State) -> tuple[Fetcher, list[Any]]:
    fetcher, told = Fetcher(state), []
    positions = Positions()
    positions.on_gap = lambda *gap: told.append(gap)
    positions.watch(fetcher)
    return fetcher, told


async def test_a_partition_that_is_new_here_is_no_gap() -> None:
    fetcher, told = watched(State(None))
    await fetcher.place(700)
    fetcher.state.position = None  # taken away, and given again
    await fetcher.place(900)
    assert told == []


async def test_a_reset_that_the_broker_forced_is_told_of() -> None:
    fetcher, told = watched(State(None))
    await fetcher.place(700)
    fetcher.state = State(None, awaiting_reset=True)
    await fetcher.place(900)
    assert told == [(HERE, 700, 900)]


async def test_a_reset_to_the_same_place_is_no_gap() -> None:
    fetcher, told = watched(State(None))
    await fetcher.place(700)
    fetcher.state = State(None, awaiting_reset=True)
    await fetcher.place(700)
    assert told == []


def lane(ended: list[str], now: Mapping[str, str] | None = None) -> Lane:
    async def ids_now() -> Mapping[str, str]:
        return now or {}

    subscription = cast(Any, SimpleNamespace(group="gaps", handlers={}))
    nothing = cast(Any, None)
    made = Lane(subscription, Names(), nothing, nothing, nothing, nothing, ended.append, {CAPTURED: "one"}, ids_now)
    made.consumer = cast(Any, SimpleNamespace(halted=False, assignment=set))
    return made


def test_records_that_are_gone_are_counted_and_work_goes_on() -> None:
    ended: list[str] = []
    counter = metrics.RECORDS_GONE.labels(group="gaps", topic=CAPTURED)
    before = counter._value.get()
    made = lane(ended)
    made.gap(HERE, 700, 900)
    made.gap(HERE, 950, 951)
    assert counter._value.get() - before == 201
    assert made.state.gone == {CAPTURED: 201}
    assert ended == []


def test_a_log_that_ends_before_the_group_ends_the_process() -> None:
    ended: list[str] = []
    made = lane(ended)
    made.gap(HERE, 700, 0)
    assert len(ended) == 1
    assert CAPTURED in ended[0]
    assert made.state.stopped


async def test_a_topic_made_anew_ends_the_process_before_its_records_are_compared_with_marks() -> None:
    ended: list[str] = []
    made = lane(ended, {CAPTURED: "another"})
    made._published = cast(Any, {"something": 1})
    await made.flush_marks()
    assert len(ended) == 1
    assert CAPTURED in ended[0]
