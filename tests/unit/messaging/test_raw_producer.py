"""The plain producer against one that a test holds in its hand: who waits for what, and who is told of a failure."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.messaging.names import Names
from shared.messaging.raw_producer import LARGEST, IntakeUnavailable, RawProducer, RawRecord, RecordTooLarge
from tests.support.waiting import eventually

TOPIC = "leads.inbound.v1"
LIMIT = 600_000
BOUND = 10


class Held:
    """A producer whose batches are acknowledged when the test says so."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int]] = []
        self.pending: list[asyncio.Future[None]] = []
        self._sender = SimpleNamespace(sender_task=asyncio.get_running_loop().create_future())
        self.client = SimpleNamespace(_sync_task=None)

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(LIMIT, 0)

    async def send_batch(self, builder: Any, topic: str, *, partition: int) -> "asyncio.Future[None]":
        self.sent.append((partition, builder.record_count()))
        self.pending.append(asyncio.get_running_loop().create_future())
        return self.pending[-1]


def record(n: int, size: int = 10) -> RawRecord:
    return RawRecord(b"key", b"%d" % n + b"x" * size, [])


async def until_sent(held: Held, count: int) -> None:
    async def sent() -> bool:
        return len(held.sent) >= count

    await eventually(sent, f"{count} batches are sent", every=0)


async def until_in_flight(producer: RawProducer, count: int) -> None:
    async def taken() -> bool:
        return BOUND - producer._free == count

    await eventually(taken, f"{count} records are in flight", every=0)


def producer_of(held: Held, partitions: int = 1) -> RawProducer:
    return RawProducer(held, Names(), {TOPIC: partitions}, in_flight=BOUND)


async def test_what_comes_while_a_batch_is_under_way_is_the_next_batch_whoever_sent_it() -> None:
    held = Held()
    producer = producer_of(held)
    first = asyncio.create_task(producer.send(TOPIC, [record(0)]))
    await until_sent(held, 1)
    others = [asyncio.create_task(producer.send(TOPIC, [record(n), record(n)])) for n in (1, 2, 3)]
    await until_in_flight(producer, 7)
    held.pending[0].set_result(None)
    await first
    await until_sent(held, 2)
    assert held.sent == [(0, 1), (0, 6)] and not any(task.done() for task in others)
    held.pending[1].set_result(None)
    await asyncio.gather(*others)


async def test_who_gives_up_takes_nothing_from_the_others() -> None:
    held = Held()
    producer = producer_of(held)
    patient = asyncio.create_task(producer.send(TOPIC, [record(1)]))
    with pytest.raises(IntakeUnavailable):
        await producer.send(TOPIC, [record(2)], deadline_s=0.01)
    await until_sent(held, 1)
    held.pending[0].set_result(None)
    await patient
    assert held.sent == [(0, 2)]


async def test_a_failure_is_told_to_all_who_wait_and_the_next_one_starts_afresh(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("shared.messaging.raw_producer._BREAK_S", 0.0)
    held = Held()
    producer = producer_of(held)
    first = asyncio.create_task(producer.send(TOPIC, [record(0)]))
    await until_sent(held, 1)
    second = asyncio.create_task(producer.send(TOPIC, [record(1)]))
    await until_in_flight(producer, 2)
    held.pending[0].set_exception(KafkaConnectionError())
    assert [type(error) for error in await asyncio.gather(first, second, return_exceptions=True)] == [
        IntakeUnavailable
    ] * 2
    third = asyncio.create_task(producer.send(TOPIC, [record(2)]))
    await until_sent(held, 2)
    held.pending[1].set_result(None)
    await third
    assert held.sent == [(0, 1), (0, 1)]


async def test_a_record_that_fits_no_batch_keeps_the_whole_call_back() -> None:
    held = Held()
    producer = producer_of(held)
    with pytest.raises(RecordTooLarge):
        await producer.send(TOPIC, [record(0), record(1, LARGEST)])
    sending = asyncio.create_task(producer.send(TOPIC, [record(2)]))
    await until_sent(held, 1)
    held.pending[0].set_result(None)
    await sending
    assert held.sent == [(0, 1)]


async def test_what_does_not_fit_into_one_batch_goes_into_several() -> None:
    held = Held()
    sending = asyncio.create_task(producer_of(held).send(TOPIC, [record(n, LIMIT * 2 // 5) for n in range(5)]))
    for n in range(3):
        await until_sent(held, n + 1)
        held.pending[n].set_result(None)
    await sending
    assert held.sent == [(0, 2), (0, 2), (0, 1)]


async def test_what_its_sender_has_given_up_is_in_flight_until_kafka_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.messaging.raw_producer._BREAK_S", 0.0)
    held = Held()
    producer = producer_of(held)
    for _ in range(2):
        with pytest.raises(IntakeUnavailable):
            await producer.send(TOPIC, [record(n) for n in range(5)], deadline_s=0.01)
    assert producer._free == 0
    with pytest.raises(IntakeUnavailable):
        await producer.send(TOPIC, [record(0)])
    held.pending[0].set_result(None)
    await until_sent(held, 2)
    held.pending[1].set_result(None)
    await until_in_flight(producer, 0)


async def test_no_more_bytes_than_the_bound_are_in_flight() -> None:
    held = Held()
    producer = RawProducer(held, Names(), {TOPIC: 1}, bytes_in_flight=1000)
    full = asyncio.create_task(producer.send(TOPIC, [record(0, 900)]))
    await until_sent(held, 1)
    with pytest.raises(IntakeUnavailable):
        await producer.send(TOPIC, [record(1, 100)])
    held.pending[0].set_result(None)
    await full


@pytest.mark.parametrize("task", ["sender", "metadata"])
async def test_a_producer_one_of_whose_tasks_has_ended_is_of_no_use(task: str) -> None:
    held = Held()
    producer = producer_of(held)
    assert producer.usable
    ended = asyncio.get_running_loop().create_future()
    ended.set_result(None)
    if task == "sender":
        held._sender.sender_task = ended
    else:
        held.client._sync_task = ended
    assert not producer.usable


async def test_no_more_than_the_bound_is_in_flight() -> None:
    held = Held()
    producer = producer_of(held)
    full = asyncio.create_task(producer.send(TOPIC, [record(n) for n in range(10)]))
    await until_sent(held, 1)
    with pytest.raises(IntakeUnavailable):
        await producer.send(TOPIC, [record(10)])
    held.pending[0].set_result(None)
    await full
