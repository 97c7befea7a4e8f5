"""A lane that gives way: it takes nothing while the groups that its work goes through are behind by too much.

What it would add would only wait there, before the records of those who are waiting for an answer.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from shared.messaging import admin
from shared.messaging.lane import Lane
from shared.messaging.names import Names
from shared.observability import metrics

log = structlog.get_logger(__name__)

_LOOK_S: Final = 0.5
# On a machine that is too busy an answer takes long: it is waited for, since asking anew would make it busier.
_ANSWER_S: Final = 30.0
_AFTER_FAILURE_S: Final = 5.0


class GroupsLag:
    """Records that groups are behind, in all of the topics that they are asked about. Connected while it is used."""

    def __init__(self, bootstrap: str, names: Names, topics: Mapping[str, tuple[str, ...]]) -> None:
        self._bootstrap = bootstrap
        self._names = names
        self._topics = topics
        self._parts: dict[str, list[TopicPartition]] = {}
        self._admin: Any = None
        self._reader: Any = None

    async def read(self) -> int:
        """The records, over all groups. Markers of transactions count too, one or two a partition. Raises KafkaError."""
        if not self._parts:
            await self._connect()
        return sum(await asyncio.gather(*(self._lag_of(group, parts) for group, parts in self._parts.items())))

    async def _connect(self) -> None:
        wanted = {topic for topics in self._topics.values() for topic in topics}
        found = await admin.describe(self._bootstrap, self._names, wanted)
        self._admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap, client_id="leadstream-lag")
        await self._admin.start()
        self._reader = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id="leadstream-lag",
            isolation_level="read_committed",
            enable_auto_commit=False,
        )
        await self._reader.start()
        self._parts = {
            self._names.group(group): [
                TopicPartition(self._names.topic(topic), n)
                for topic in topics
                if topic in found
                for n in range(found[topic].partitions)
            ]
            for group, topics in self._topics.items()
        }

    async def _lag_of(self, group: str, parts: list[TopicPartition]) -> int:
        committed = await self._admin.list_consumer_group_offsets(group, partitions=parts)
        ends = await self._reader.end_offsets(parts)
        reached = {part: committed[part].offset for part in parts if part in committed and committed[part].offset >= 0}
        never = [part for part in parts if part not in reached]
        if never:
            reached |= await self._reader.beginning_offsets(never)
        return sum(max(0, ends[part] - reached[part]) for part in parts)

    async def close(self) -> None:
        """Let the connections go."""
        closing = [
            client for client in (self._reader and self._reader.stop, self._admin and self._admin.close) if client
        ]
        self._admin = self._reader = None
        self._parts = {}
        for close in closing:
            with contextlib.suppress(Exception):
                await close()


class GivingWay:
    """Holds a lane while the lag is above its limit, and until it is below half of it."""

    def __init__(self, lane: Lane, bootstrap: str) -> None:
        way = lane.subscription.gives_way
        assert way is not None
        self._lane = lane
        self._above = way.above
        self._lag = GroupsLag(bootstrap, lane.names, way.groups)
        self._looked = time.monotonic()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look while inside."""
        watching = asyncio.create_task(self._watch(), name="giving way")
        try:
            yield
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            await self._lag.close()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            consumer = self._lane.consumer
            if consumer is None:
                continue
            if consumer.held:
                metrics.PAUSED_SECONDS.labels(group=self._lane.group).inc(time.monotonic() - self._looked)
            self._looked = time.monotonic()
            if consumer.caught_up and not consumer.held:
                await self._lag.close()
                continue
            try:
                async with asyncio.timeout(_ANSWER_S):
                    self._judge(await self._lag.read())
            except Exception as error:
                # What was found last stands: with Kafka away nothing moves anyway. And a lane is not held by nobody.
                log.info("lag_not_read", group=self._lane.group, error=type(error).__name__)
                await self._lag.close()
                await asyncio.sleep(_AFTER_FAILURE_S)

    def _judge(self, behind: int) -> None:
        consumer, group = self._lane.consumer, self._lane.group
        assert consumer is not None
        metrics.DOWNSTREAM_LAG.labels(group=group).set(behind)
        held = behind > (self._above // 2 if consumer.held else self._above)
        if held != consumer.held:
            consumer.held = held
            metrics.PAUSED.labels(group=group).set(int(held))
            log.info("lane_gives_way" if held else "lane_goes_on", group=group, records=behind)
