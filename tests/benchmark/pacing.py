"""Leads at a fixed rate, whatever becomes of them: when each was meant to be sent is what its latency counts from."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from shared.contracts.topics import INBOUND
from tests.benchmark.preload import Placed, create_producer
from tests.support.stack import Servers

_TICK_S: Final = 0.005


@dataclass(slots=True)
class Sent:
    """When each lead was meant to be sent (seconds since 1970), where it stands, and how late the sender was."""

    began: float
    rate: float
    places: dict[tuple[int, int], int] = field(default_factory=dict)
    latest_s: float = 0.0

    def intended(self, n: int) -> float:
        """When lead `n` was due."""
        return self.began + n / self.rate


async def send_at(servers: Servers, leads: Sequence[Placed], rate: float) -> Sent:
    """Send `rate` leads a second, acknowledged in the end. Never waits for an answer before the next is due."""
    producer = create_producer(servers)
    await producer.start()
    try:
        name = servers.names.topic(INBOUND)
        await producer.partitions_for(name)  # asking for them is not the first lead's latency
        sent = Sent(time.time() + _TICK_S, rate)
        pending: list[tuple[int, list[int], Any]] = []
        n = 0
        while n < len(leads):
            n = await _send_due(producer, name, leads, n, sent, pending)
            await asyncio.sleep(max(_TICK_S, sent.intended(n) - time.time()) if n < len(leads) else 0)
        for partition, numbers, future in pending:
            base = (await future).offset
            sent.places.update({(partition, base + i): number for i, number in enumerate(numbers)})
        return sent
    finally:
        await producer.stop()


async def _send_due(
    producer: Any, name: str, leads: Sequence[Placed], n: int, sent: Sent, pending: list[tuple[int, list[int], Any]]
) -> int:
    """Send what is due now, a batch a partition. The number of the next lead."""
    now = time.time()
    builders: dict[int, tuple[Any, list[int]]] = {}
    while n < len(leads) and sent.intended(n) <= now:
        lead = leads[n]
        builder, numbers = builders.setdefault(lead.partition, (producer.create_batch(), []))
        if builder.append(key=lead.key, value=lead.value, timestamp=None, headers=lead.headers) is None:
            break  # a full batch: the rest at the next tick, counted as late
        sent.latest_s = max(sent.latest_s, now - sent.intended(n))
        numbers.append(n)
        n += 1
    for partition, (builder, numbers) in builders.items():
        if numbers:
            pending.append((partition, numbers, await producer.send_batch(builder, name, partition=partition)))
    return n
