"""Who takes a transactional id over learns how its last transaction ended, and ends what may be left of it in the same way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.conn import CloseReason
from aiokafka.producer.transaction_manager import TransactionState

from shared.contracts.topics import ROUTED
from shared.messaging.leftovers import (
    Ending,
    Leftovers,
    Troubles,
    _holds_open,
    confirm_commit,
    end_leftovers,
    how_it_ended,
)
from shared.messaging.transaction import TransactionalPublisher, _connect
from tests.support.stack import Servers
from tests.support.waiting import eventually

pytestmark = pytest.mark.stack


@asynccontextmanager
async def producing(own: Servers, name: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=own.kafka, transactional_id=f"{own.prefix}{name}")
    await producer.start()
    yield producer
    await producer.stop()


async def asked(own: Servers, name: str) -> Ending | None:
    """What a successor is told that has not taken the id yet."""
    producer = AIOKafkaProducer(bootstrap_servers=own.kafka, transactional_id=f"{own.prefix}{name}")
    await _connect(producer)
    told = await how_it_ended(producer)
    await producer.stop()
    return told


async def test_a_successor_learns_how_the_last_transaction_ended(own: Servers) -> None:
    topic = own.names.topic(ROUTED)
    assert await asked(own, "nobody") is None
    async with producing(own, "one") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"x", partition=0)
        assert await asked(own, "one") == "aborted"  # it is open, and taking the id aborts it
        await producer.commit_transaction()
    assert await asked(own, "one") == "committed"
    async with producing(own, "one") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"y", partition=0)
        await producer.abort_transaction()
    assert await asked(own, "one") == "aborted"


async def ends(own: Servers, places: list[TopicPartition]) -> list[int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=own.kafka, isolation_level="read_uncommitted")
    await consumer.start()
    found = await consumer.end_offsets(places)
    await consumer.stop()
    return [found[place] for place in places]


async def end_there(own: Servers, places: list[TopicPartition], wanted: list[int]) -> None:
    """Markers are written behind the answer."""

    async def there() -> bool:
        return await ends(own, places) == wanted

    await eventually(there, f"the partitions end at {wanted}")


@pytest.mark.parametrize("ended", ["committed", "aborted"])
async def test_every_place_gets_a_marker_and_the_producer_goes_on(own: Servers, ended: Ending) -> None:
    places = [TopicPartition(own.names.topic(ROUTED), n) for n in range(own.spine_partitions)]
    groups = [f"{own.prefix}one", f"{own.prefix}two"]
    async with producing(own, "sweeper") as producer:
        await end_leftovers(producer, Leftovers(places, groups), ended)
        await producer.begin_transaction()
        await producer.send_and_wait(places[0].topic, b"x", partition=0)
        await producer.commit_transaction()  # begins only when the markers before are written
    await end_there(own, places, [3, *[1] * (len(places) - 1)])
    assert await asked(own, "sweeper") == "committed"


async def test_a_publisher_that_takes_an_id_over_ends_what_is_left(own: Servers) -> None:
    places = [TopicPartition(own.names.topic(ROUTED), n) for n in range(own.spine_partitions)]
    async with producing(own, "taken") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(places[0].topic, b"x", partition=0)
        await producer.commit_transaction()
    await end_there(own, places, before := [2, *[0] * (len(places) - 1)])
    publisher = await TransactionalPublisher.start(
        own.kafka, f"{own.prefix}taken", "test", Leftovers(places, [f"{own.prefix}group"])
    )
    await publisher.stop()
    assert await asked(own, "taken") == "committed"
    await end_there(own, places, [end + 1 for end in before])
    fresh = await TransactionalPublisher.start(own.kafka, f"{own.prefix}fresh", "test", Leftovers(places, []))
    await fresh.stop()
    assert await ends(own, places) == [end + 1 for end in before]  # a new id has left nothing


async def test_what_a_commit_did_not_reach_is_committed_anew(own: Servers) -> None:
    places = [TopicPartition(own.names.topic(ROUTED), n) for n in range(own.spine_partitions)]
    async with producing(own, "skipped") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(places[0].topic, b"x", partition=0)
        assert await _holds_open(producer, places)

        async def others_hold_nothing() -> bool:  # once each of them has a leader
            return not await _holds_open(producer, places[1:])

        await eventually(others_hold_nothing, "only the partition that was written to is open")
        producer._txn_manager.state = TransactionState.COMMITTING_TRANSACTION
        producer._txn_manager.complete_transaction()  # as where Kafka has said that it was committed
        await confirm_commit(producer, Leftovers(places[:1], [f"{own.prefix}group"]))
        assert not await _holds_open(producer, places)
        await producer.begin_transaction()
        await producer.send_and_wait(places[0].topic, b"aborted", partition=0)
        await producer.abort_transaction()
    consumer = AIOKafkaConsumer(bootstrap_servers=own.kafka, isolation_level="read_committed")
    await consumer.start()
    consumer.assign(places)
    await consumer.seek_to_beginning()
    assert (await consumer.getone()).value == b"x"
    await consumer.stop()


async def test_a_lost_connection_is_trouble_for_a_while(own: Servers) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=own.kafka, transactional_id=f"{own.prefix}troubled")
    troubles = Troubles(producer)
    await producer.start()
    assert not troubles.recent
    for connection in list(producer.client._conns.values()):
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
    assert troubles.recent
    await producer.stop()
