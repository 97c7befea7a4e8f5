"""A lane rests after a batch of few records, so that the next has more; never while there is a backlog, never long."""

from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.messaging import consumer as module
from shared.messaging.consumer import MemberConsumer
from shared.messaging.fencing import Membership

PLACE = TopicPartition("topic", 0)


class Clock:
    """A clock that moves only as it is told, and rests that are noted."""

    def __init__(self) -> None:
        self.now = 100.0
        self.rests: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.rests.append(round(seconds, 6))
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(module, "asyncio", clock)
    monkeypatch.setattr(module, "current_membership", lambda _: Membership(1, "member"))
    return clock


async def take(consumer: MemberConsumer, monkeypatch: pytest.MonkeyPatch, records: int, *, most: int | None) -> None:
    async def found(*_: Any, **__: Any) -> dict[TopicPartition, list[int]]:
        return {PLACE: list(range(records))}

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", found)
    consumer.untaken = False
    await consumer.getmany(max_records=most)


@pytest.mark.parametrize(
    ("records", "most", "took", "rest"),
    [
        (1, 2000, 0.01, [0.02]),
        (199, 2000, 0.03, [0.06]),
        (199, 2000, 3.0, [0.1]),
        (200, 2000, 0.01, []),
        (2000, 2000, 0.5, []),
        (50, 50, 0.01, []),
        (49, 50, 0.01, [0.02]),
        (1, None, 0.01, [0.02]),
    ],
)
async def test_the_rest_is_twice_what_few_records_took(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, records: int, most: int | None, took: float, rest: list[float]
) -> None:
    consumer = object.__new__(MemberConsumer)
    consumer.__dict__["_subscription"] = type("S", (), {"subscription": None})()
    await take(consumer, monkeypatch, records, most=most)
    assert clock.rests == []
    clock.now += took
    await take(consumer, monkeypatch, 2000, most=most)
    assert clock.rests == rest
    await take(consumer, monkeypatch, 2000, most=most)
    assert clock.rests == rest
