"""A topic that refuses what sources send, for a while: nothing of it is taken, and afterwards all goes on by itself."""

from collections.abc import Mapping

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.contracts.topics import INBOUND, TOPICS
from shared.messaging.raw_producer import IntakeUnavailable, RawProducer, RawRecord
from tests.support.stack import Servers
from tests.support.topics import read_to_end
from tests.support.waiting import eventually

KEY = b"somebody"


def record(n: int) -> RawRecord:
    return RawRecord(KEY, b"%d" % n + b" " * 500, [])


async def test_a_refused_batch_does_not_wedge_its_partition(own: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has used up sequence numbers: with the same producer id nothing would be taken any more."""
    monkeypatch.setattr("shared.messaging.raw_producer._BREAK_S", 0.0)
    kafka = AIOKafkaProducer(bootstrap_servers=own.kafka, acks="all", enable_idempotence=True)
    await kafka.start()
    try:
        producer = RawProducer(kafka, own.names, {INBOUND: own.spine_partitions})
        await producer.send(INBOUND, [record(0)])
        await _configure(own, {**TOPICS[INBOUND].settings(), "max.message.bytes": "200"})
        await eventually(lambda: _refused(producer), "the topic refuses it")
        await _configure(own, TOPICS[INBOUND].settings())
        await eventually(lambda: _taken(producer), "the topic takes it again", within=10)
        await producer.send(INBOUND, [record(3), record(4)])
    finally:
        await kafka.stop()
    values = [int(found.value or b"-1") for found in await read_to_end(own, INBOUND)]
    assert values[0] == 0 and values[-3:] == [2, 3, 4] and set(values[1:-3]) <= {1}


async def _refused(producer: RawProducer) -> bool:
    """What was still taken, before the topic's new setting had come to the broker, has the number 1."""
    try:
        await producer.send(INBOUND, [record(1)])
    except IntakeUnavailable:
        return True
    return False


async def _taken(producer: RawProducer) -> bool:
    try:
        await producer.send(INBOUND, [record(2)])
    except IntakeUnavailable:
        return False
    return True


async def _configure(own: Servers, settings: Mapping[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=own.kafka)
    await admin.start()
    try:
        name = own.names.topic(INBOUND)
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=dict(settings))])
    finally:
        await admin.close()
