"""What aiokafka costs by itself: batches, key and partition kept, at least once, no transaction, nothing stored."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any, TypeAlias

import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from tests.benchmark.gauge import Gauge
from tests.benchmark.leads import CapturedLead, scored_bytes
from tests.benchmark.variants.place import Place

Making: TypeAlias = Callable[[Any], bytes]


def scored(record: Any) -> bytes:
    """Validate, score, serialise."""
    return scored_bytes(CapturedLead.model_validate_json(record.value))


async def run(place: Place, gauge: Gauge, make: Making) -> None:
    """Consume, make the outputs' values, produce, commit, until it is told to stop."""
    consumer: Any = AIOKafkaConsumer(
        place.source,
        bootstrap_servers=place.bootstrap,
        group_id=place.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    producer: Any = AIOKafkaProducer(
        bootstrap_servers=place.bootstrap,
        enable_idempotence=True,
        compression_type="zstd",
        max_batch_size=1_048_576,
        max_request_size=1_114_112,
    )
    await consumer.start()
    await producer.start()
    try:
        while True:
            found = await consumer.getmany(timeout_ms=500, max_records=place.max_records)
            if found:
                gauge.take(sum(len(records) for records in found.values()))
                await _forward(found, producer, place, make)
                await consumer.commit()
    finally:
        await consumer.stop()
        await producer.stop()


async def _forward(found: dict[TopicPartition, list[Any]], producer: Any, place: Place, make: Making) -> None:
    sent = []
    for tp, records in found.items():
        builder = producer.create_batch()
        for record in records:
            value = make(record)
            while builder.append(key=record.key, value=value, timestamp=None, headers=[]) is None:
                sent.append(await producer.send_batch(builder, place.target, partition=tp.partition))
                builder = producer.create_batch()
        sent.append(await producer.send_batch(builder, place.target, partition=tp.partition))
    await asyncio.gather(*sent)


async def main(make: Making = scored) -> None:
    """Run as a process that ends on SIGTERM."""
    working = asyncio.create_task(run(Place.from_environment(), Gauge.from_environment(), make))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
    await asyncio.gather(working, return_exceptions=True)
    if not working.cancelled():
        working.result()


if __name__ == "__main__":
    uvloop.run(main())
