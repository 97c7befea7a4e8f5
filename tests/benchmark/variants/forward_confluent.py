"""The floor under librdkafka: bytes taken and handed on unread, key and partition kept, committed a batch at a time."""

import signal
from collections.abc import Sequence
from typing import Any

from tests.benchmark.gauge import Gauge
from tests.benchmark.variants.place import Place

_COMMON = {"log_level": 3}


def main() -> None:
    """Run until told to stop."""
    from confluent_kafka import Consumer, Producer

    place, gauge = Place.from_environment(), Gauge.from_environment()
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    consumer = Consumer(
        {
            "bootstrap.servers": place.bootstrap,
            "group.id": place.group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            **_COMMON,
        }
    )
    producer = Producer(
        {
            "bootstrap.servers": place.bootstrap,
            "enable.idempotence": True,
            "compression.type": "zstd",
            "linger.ms": 5,
            **_COMMON,
        }
    )
    consumer.subscribe([place.source])
    gauge.begin()
    try:
        while not stopped:
            records = consumer.consume(place.max_records, timeout=0.2)
            if records:
                gauge.take(len(records))
                _forward(producer, place.target, records)
                consumer.commit(asynchronous=False)
    finally:
        consumer.close()


def _forward(producer: Any, target: str, records: Sequence[Any]) -> None:
    for record in records:
        if record.error() is None:
            producer.produce(target, value=record.value(), key=record.key(), partition=record.partition())
    producer.flush()


if __name__ == "__main__":
    main()
