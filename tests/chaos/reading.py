"""Reads the topics to their end, again and again, and folds what is new into the evidence."""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.envelope import header_map
from shared.contracts.topics import TOPICS
from tests.chaos.evidence import OUTPUTS, WATCHED, Evidence, Seen
from tests.support.stack import Servers


class Reader:
    """A downstream reader that trusts read_committed, and one beside it that sees aborted records too."""

    def __init__(self, servers: Servers) -> None:
        self.evidence = Evidence()
        self._servers = servers
        self._committed: Any = None
        self._every: Any = None
        self.uncommitted = 0
        self._one_at_a_time = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        self._committed = await self._started("read_committed", WATCHED)
        self._every = await self._started("read_uncommitted", OUTPUTS)

    async def end(self) -> None:
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)
        for consumer in (self._committed, self._every):
            if consumer is not None:
                await consumer.stop()

    async def catch_up(self) -> Evidence:
        """Everything up to the stable ends as they are now. A caller that is cancelled takes no record with it."""
        self._reading = asyncio.create_task(self._read_on())
        await asyncio.shield(self._reading)
        return self.evidence

    async def _read_on(self) -> None:
        """One at a time: two readers would mix the order."""
        async with self._one_at_a_time:
            async for record in _to_the_end(self._committed):
                name = self._servers.names.logical(record.topic)
                self.evidence.add(Seen(name, record.partition, record.offset, header_map(record.headers), record.value))

    async def afresh(self) -> Evidence:
        """What a reader sees that begins now: whether what was seen stands in the topics."""
        other = Reader(self._servers)
        other._committed = await self._started("read_committed", WATCHED)
        try:
            return await other.catch_up()
        finally:
            await other.end()

    async def aborted(self) -> int:
        """Records that only the reader without trust has seen, so far."""
        async for _record in _to_the_end(self._every):
            self.uncommitted += 1
        await self.catch_up()
        return self.uncommitted - sum(self.evidence.records[topic] for topic in OUTPUTS)

    async def _started(self, isolation: str, topics: tuple[str, ...]) -> Any:
        consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=self._servers.kafka,
            isolation_level=isolation,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=4_194_304,
        )
        await consumer.start()
        counts = {topic: TOPICS[topic].partition_count(self._servers.spine_partitions) for topic in topics}
        places = [TopicPartition(self._servers.names.topic(t), p) for t, n in counts.items() for p in range(n)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        return consumer


async def _to_the_end(consumer: Any) -> Any:
    """Records from where the consumer stands to the ends as they are at the call."""
    ends = await consumer.end_offsets(list(consumer.assignment()))
    behind = {tp for tp in ends if await consumer.position(tp) < ends[tp]}
    while behind:
        batch = await consumer.getmany(timeout_ms=200)
        for records in batch.values():
            for record in records:
                yield record
            await asyncio.sleep(0)
        behind = {tp for tp in behind if await consumer.position(tp) < ends[tp]}
