"""A consumer that left its group hands out nothing before it has partitions again, and tells when that does not come."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from structlog.testing import capture_logs

from shared.messaging import consumer as module
from shared.messaging.consumer import MemberConsumer
from shared.messaging.fencing import Membership

PLACE = TopicPartition("topic", 0)


class Group:
    """A group coordinator that is asked to join, and a clock beside it."""

    def __init__(self, answers_after: float | None) -> None:
        self.now, self.asked, self._answers_after = 100.0, 0, answers_after
        self.consumer: MemberConsumer | None = None

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self._answers_after is not None and self.now >= 100.0 + self._answers_after:
            assert self.consumer is not None
            self.consumer.joined_anew()

    def request_rejoin(self) -> None:
        self.asked += 1


class Stuck(Exception):
    """Raised where a process would end."""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When records were handed out."""
    return []


def consumer_of(group: Group, given: list[float], monkeypatch: pytest.MonkeyPatch) -> MemberConsumer:
    async def found(*_: Any, **__: Any) -> dict[TopicPartition, list[int]]:
        given.append(group.now)
        return {PLACE: [1]}

    async def alive(_: MemberConsumer) -> None:
        return None

    monkeypatch.setattr(module, "time", group)
    monkeypatch.setattr(module, "asyncio", group)
    monkeypatch.setattr(module, "GroupCoordinator", Group)
    monkeypatch.setattr(module, "current_membership", lambda _: Membership(1, "member"))
    monkeypatch.setattr(AIOKafkaConsumer, "getmany", found)
    monkeypatch.setattr(MemberConsumer, "keep_alive", alive)
    consumer = MemberConsumer("topic", bootstrap_servers="127.0.0.1:1", group_id="group")
    consumer._coordinator = group
    group.consumer = consumer
    return consumer


async def test_nothing_is_handed_out_before_the_group_is_joined_anew(
    given: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Group(answers_after=2.0)
    consumer = consumer_of(group, given, monkeypatch)
    consumer.rejoin()
    await consumer.getmany()
    assert group.asked == 1 and given == [pytest.approx(102.0, abs=0.1)]


async def test_a_client_whose_own_task_has_ended_ends_the_process_at_once(
    given: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer = consumer_of(Group(answers_after=None), given, monkeypatch)
    ended = asyncio.get_running_loop().create_future()
    ended.set_exception(RuntimeError("the handler is closed"))
    ended.exception()
    consumer._client = SimpleNamespace(_sync_task=ended)

    def end(why: str) -> None:
        raise Stuck(why)

    consumer.on_stuck = end
    with pytest.raises(Stuck, match="metadata"):
        await consumer.getmany()
    assert given == [] and consumer.halted


async def test_a_group_that_is_never_joined_again_ends_the_process(
    given: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    group = Group(answers_after=None)
    consumer = consumer_of(group, given, monkeypatch)

    def end(_why: str) -> None:
        raise Stuck

    consumer.on_stuck = end
    consumer.rejoin()
    with pytest.raises(Stuck), capture_logs() as lines:
        await consumer.getmany()
    (warned,) = lines
    assert warned["event"] == "group_not_joined" and warned["seconds"] == 30 and warned["coordination"] == "none"
    assert given == [] and consumer.halted
    assert group.now - 100.0 == pytest.approx(300.0, abs=1)
