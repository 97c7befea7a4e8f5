"""Many senders at once: every record once, and one key's records in the order in which they were sent."""

import asyncio
from collections import defaultdict

from aiokafka import AIOKafkaProducer

from shared.contracts.topics import INBOUND
from shared.messaging.raw_producer import RawProducer, RawRecord
from tests.support.stack import Servers
from tests.support.topics import read_to_end


async def test_many_senders_at_once_lose_nothing_and_keep_each_keys_order(own: Servers) -> None:
    kafka = AIOKafkaProducer(bootstrap_servers=own.kafka, acks="all", enable_idempotence=True, max_batch_size=4_096)
    await kafka.start()
    try:
        producer = RawProducer(kafka, own.names, {INBOUND: own.spine_partitions})

        async def send(sender: int) -> None:
            key = b"sender-%d" % sender
            for n in range(0, 60, 3):
                records = [RawRecord(key, b"%d" % (n + i) + b" " * 200, []) for i in range(3)]
                await producer.send(INBOUND, records, deadline_s=20)

        await asyncio.gather(*(send(sender) for sender in range(20)))
    finally:
        await kafka.stop()
    found: dict[bytes | None, list[int]] = defaultdict(list)
    for record in await read_to_end(own, INBOUND):
        found[record.key].append(int(record.value or b"-1"))
    assert len(found) == 20 and all(numbers == list(range(60)) for numbers in found.values())
