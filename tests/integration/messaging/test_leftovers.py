"""Who takes a transactional id over learns how its last transaction ended, and ends what may be left of it in the same way."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaConnectionError
from aiokafka.producer.transaction_manager import TransactionState

from shared.contracts.topics import ROUTED
from shared.messaging.leftovers import (
    _LOOKS_S,
    Leftovers,
    OwnMemory,
    Troubles,
    _holds_open,
    _offsets_of,
    confirm,
    end_leftovers,
    how_it_ended,
)
from shared.messaging.transaction import TransactionalPublisher, _connect
from shared.persistence.slots import Ending
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


async def committed(own: Servers, name: str, places: list[TopicPartition]) -> list[int]:
    """One record in the first place, committed; where the places end then."""
    async with producing(own, name) as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(places[0].topic, b"x", partition=0)
        await producer.commit_transaction()
    await end_there(own, places, before := [2, *[0] * (len(places) - 1)])
    return before


async def test_a_publisher_that_takes_an_id_over_ends_what_is_left(own: Servers) -> None:
    places = [TopicPartition(own.names.topic(ROUTED), n) for n in range(own.spine_partitions)]
    before = await committed(own, "taken", places)
    publisher = await TransactionalPublisher.start(
        own.kafka, f"{own.prefix}taken", "test", Leftovers(places, [f"{own.prefix}group"])
    )
    await publisher.stop()
    assert await asked(own, "taken") == "committed"
    await end_there(own, places, [end + 1 for end in before])
    fresh = await TransactionalPublisher.start(own.kafka, f"{own.prefix}fresh", "test", Leftovers(places, []))
    await fresh.stop()
    assert await ends(own, places) == [end + 1 for end in before]  # a new id has left nothing


async def test_who_takes_an_id_over_looks_whether_the_ending_has_reached_every_place(
    own: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [TopicPartition(own.names.topic(ROUTED), n) for n in range(own.spine_partitions)]
    before = await committed(own, "looking", places)
    looks = 0

    async def open_at_first(producer: AIOKafkaProducer, asked_about: Sequence[TopicPartition]) -> bool:
        """As where the partitions had no leader yet, and Kafka skipped the markers of the ending too."""
        nonlocal looks
        looks += 1
        return looks <= len(_LOOKS_S) or await _holds_open(producer, asked_about)

    monkeypatch.setattr("shared.messaging.leftovers._holds_open", open_at_first)
    publisher = await TransactionalPublisher.start(own.kafka, f"{own.prefix}looking", "test", Leftovers(places, []))
    await publisher.stop()
    await end_there(own, places, [end + 2 for end in before])


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
        await confirm(producer, Leftovers(places[:1], [f"{own.prefix}group"]), "committed")
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


async def test_what_an_abort_did_not_reach_is_aborted_before_the_same_producer_commits(own: Servers) -> None:
    place = TopicPartition(own.names.topic(ROUTED), 0)
    async with producing(own, "unaborted") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(place.topic, b"aborted", partition=0)
        producer._txn_manager.state = TransactionState.ABORTING_TRANSACTION
        producer._txn_manager.complete_transaction()  # as where Kafka has said that it was aborted
        await confirm(producer, Leftovers([place], [f"{own.prefix}group"]), "aborted")
        await producer.begin_transaction()
        await producer.send_and_wait(place.topic, b"x", partition=0)
        await producer.commit_transaction()
    assert await committed_values(own, place) == [b"x"]


async def committed_values(own: Servers, place: TopicPartition) -> list[bytes]:
    """All that a reader of what was committed finds, up to the end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=own.kafka, isolation_level="read_committed")
    await consumer.start()
    consumer.assign([place])
    await consumer.seek_to_beginning()
    found: list[bytes] = []

    async def at_the_end() -> bool:
        found.extend(record.value for record in (await consumer.getmany(timeout_ms=200)).get(place, ()))
        return bool(found) and await consumer.position(place) >= consumer.highwater(place)

    await eventually(at_the_end, "all is read")
    await consumer.stop()
    return found


async def test_offsets_whose_commit_was_skipped_are_committed_anew(own: Servers) -> None:
    group, place = f"{own.prefix}group", TopicPartition(own.names.topic(ROUTED), 0)
    async with producing(own, "offsets") as producer:
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({place: 7}, group)
        (offsets,) = await _offsets_of(producer, [group])
        await eventually(lambda: _holds_open(producer, [offsets]), "the partition of the group's offsets is open")
        producer._txn_manager.state = TransactionState.COMMITTING_TRANSACTION
        producer._txn_manager.complete_transaction()
        await confirm(producer, Leftovers([], [group]), "committed")
        assert not await _holds_open(producer, [offsets])
    consumer = AIOKafkaConsumer(bootstrap_servers=own.kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    assert await consumer.committed(place) == 7
    await consumer.stop()


async def test_an_interrupted_take_over_remembers_how_the_transaction_before_it_ended(
    own: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = TopicPartition(own.names.topic(ROUTED), 0)
    async with producing(own, "interrupted") as producer:
        await producer.begin_transaction()
        await producer.send_and_wait(place.topic, b"x", partition=0)
        await producer.commit_transaction()

    async def interrupted(*_: object) -> None:
        raise KafkaConnectionError("the broker was killed again")

    memory, settings = OwnMemory(), (own.kafka, f"{own.prefix}interrupted", "test", Leftovers([place], []))
    with monkeypatch.context() as patched:
        patched.setattr("shared.messaging.transaction.end_leftovers", interrupted)
        with pytest.raises(KafkaConnectionError):
            await TransactionalPublisher.start(*settings, memory)
    assert await asked(own, "interrupted") == "aborted"  # what Kafka says now is about the one that took the id
    assert await memory.read() == "committed"
    ended: list[str] = []

    async def note(_producer: object, _leftovers: object, how: str) -> None:
        ended.append(how)

    monkeypatch.setattr("shared.messaging.transaction.end_leftovers", note)
    publisher = await TransactionalPublisher.start(*settings, memory)
    await publisher.stop()
    assert ended == ["committed"] and await memory.read() is None


async def test_a_lost_connection_is_trouble_for_a_while(own: Servers) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=own.kafka, transactional_id=f"{own.prefix}troubled")
    troubles = Troubles(producer)
    await producer.start()
    assert troubles.recent  # it has come to know the broker, which may have come back just now
    troubles._until = 0.0
    for connection in list(producer.client._conns.values()):
        connection.close(reason=CloseReason.CONNECTION_BROKEN)
    assert troubles.recent
    await producer.stop()
