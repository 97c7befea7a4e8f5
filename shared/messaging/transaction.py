"""One Kafka transaction a batch: outputs, dead letters and consumed offsets commit together or not at all."""

import asyncio
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import CoordinationType
from aiokafka.errors import KafkaConnectionError, KafkaError, ProducerFenced

from shared.contracts.envelope import Headers
from shared.messaging.fencing import Membership, fence_offset_commits
from shared.messaging.leftovers import (
    Leftovers,
    Memory,
    OwnMemory,
    Troubles,
    confirm,
    end_leftovers,
    how_it_ended,
)
from shared.messaging.producer_ids import is_forgotten
from shared.observability import metrics
from shared.observability.failpoints import failpoint
from shared.persistence.slots import Ending

log = structlog.get_logger(__name__)

TRANSACTION_TIMEOUT_MS: Final = 15_000
# aiokafka waits this long when a partition's last transaction is still being completed; 100 ms, its default, is most
# of the time that a transaction takes.
RETRY_BACKOFF_MS: Final = 20
MAX_BATCH_BYTES: Final = 1_048_576
# An event's data is kept below this, so that with key and headers it always fits a record batch.
MAX_EVENT_BYTES: Final = 1_000_000
_COMMIT_DEADLINE_S: Final = 30.0
_CONNECTED_WITHIN_S: Final = 60.0
# An id is had at once, also where its last transaction has to be ended first; unless Kafka cannot end that one at all.
_ID_WITHIN_S: Final = 10.0
_SAME_ID_WITHIN_S: Final = 5.0


# Topic, partition, aiokafka's builder of the records.
_Batch: TypeAlias = tuple[str, int, Any]


class PublisherLost(Exception):
    """This process may not publish any more (fenced, or its transaction cannot be ended). It has to start again."""


class _Refused(Exception):
    """A batch was not taken; the transaction is aborted already."""

    def __init__(self, cause: KafkaError) -> None:
        super().__init__()
        self.cause = cause


class Output(NamedTuple):
    """A record to produce, with its place settled."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Consumed:
    """The offsets that a transaction commits, for which group, under which membership they were fetched."""

    group: str
    membership: Membership
    offsets: Mapping[TopicPartition, int]


class Publisher(Protocol):
    """Publishes a batch atomically. The in-memory twin of the tests keeps the same promise."""

    async def publish(self, outputs: Sequence[Output], consumed: Consumed) -> None:
        """Commit all or nothing. Raises MembershipLost (drop the batch), KafkaError (try again), PublisherLost."""


class TransactionalPublisher:
    """The publisher on a transactional producer. One transaction at a time, whatever the number of lanes."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        troubles: Troubles,
        settings: Mapping[str, Any],
        leftovers: Leftovers,
        memory: Memory,
    ) -> None:
        self._settings = settings
        self._leftovers = leftovers
        self._memory = memory
        self._use(producer, troubles)
        self._membership = Membership(-1, "")
        self._one_at_a_time = asyncio.Lock()
        self._lost: PublisherLost | None = None

    @classmethod
    async def start(
        cls,
        bootstrap: str,
        transactional_id: str,
        client_id: str,
        leftovers: Leftovers,
        memory: Memory | None = None,
        **security: Any,
    ) -> "TransactionalPublisher":
        """Start the producer; this ends the open transaction of a predecessor with the same id, and what it left in these
        places. Raises TimeoutError where having the id takes too long."""
        memory = memory or OwnMemory()
        settings = {
            "bootstrap_servers": bootstrap,
            "client_id": client_id,
            "transactional_id": transactional_id,
            "transaction_timeout_ms": TRANSACTION_TIMEOUT_MS,
            "retry_backoff_ms": RETRY_BACKOFF_MS,
            "max_batch_size": MAX_BATCH_BYTES,
            "max_request_size": MAX_BATCH_BYTES + 65_536,
            "compression_type": "zstd",
            **security,
        }
        return cls(*await _started(settings, leftovers, memory, _ID_WITHIN_S), settings, leftovers, memory)

    def _use(self, producer: AIOKafkaProducer, troubles: Troubles) -> None:
        self._producer, self._troubles = producer, troubles
        fence_offset_commits(producer, lambda _group: self._membership)

    async def stop(self) -> None:
        """Stop the producer; an open transaction is left to be aborted by the coordinator."""
        await self._producer.stop()

    async def publish(self, outputs: Sequence[Output], consumed: Consumed) -> None:
        """See Publisher."""
        async with self._one_at_a_time:
            if self._lost is not None:  # by another lane; the process is about to end
                raise PublisherLost(str(self._lost))
            self._membership = consumed.membership
            try:
                async with asyncio.timeout(_COMMIT_DEADLINE_S):
                    await self._publish(outputs, consumed)
            except TimeoutError as error:
                self._lost = PublisherLost("the transaction did not end in time")
                raise self._lost from error
            except PublisherLost as error:
                self._lost = error
                raise

    async def _publish(self, outputs: Sequence[Output], consumed: Consumed) -> None:
        batches = _batches(self._producer, outputs)
        await self._producer.begin_transaction()
        try:
            sent = [
                await self._producer.send_batch(builder, topic, partition=partition)
                for topic, partition, builder in batches
            ]
            await self._arrived(sent, consumed.group)
            if sent:
                failpoint("after-produce")
            await self._producer.send_offsets_to_transaction(dict(consumed.offsets), consumed.group)
            failpoint("before-end-transaction")
        except ProducerFenced as error:
            raise PublisherLost("fenced by a younger producer with the same id") from error
        except _Refused as refused:
            raise refused.cause from None
        except KafkaError as error:
            if is_forgotten(self._producer):
                await self._renew("forgotten")
            else:
                await self._abort(consumed.group, error)
                await self._confirm("aborted", batches, consumed.group)
            raise
        except Exception as error:  # nothing that Kafka says: the transaction is ended by whoever takes the id
            raise PublisherLost(f"the transaction failed unexpectedly: {type(error).__name__}") from error
        await self._commit()
        await self._confirm("committed", batches, consumed.group)
        failpoint("after-commit")

    async def _arrived(self, sent: Sequence[Awaitable[Any]], group: str) -> None:
        """Wait for the batches. One that was refused has used up sequence numbers that the broker never saw: the producer
        could never send to that partition again, so another one takes its id, with a new epoch."""
        try:
            await asyncio.gather(*sent)
        except ProducerFenced:
            raise
        except KafkaError as error:
            if is_forgotten(self._producer):
                raise
            await self._abort(group, error)
            await self._renew("refused")
            raise _Refused(error) from error

    async def _renew(self, cause: str) -> None:
        """Another producer with the same id."""
        try:
            await self._producer.stop()
            renewed = await _started(self._settings, self._leftovers, self._memory, _SAME_ID_WITHIN_S)
        except Exception as error:
            raise PublisherLost(f"no producer after one that was {cause}: {type(error).__name__}") from error
        log.warning("producer_renewed", cause=cause)
        self._use(*renewed)

    async def _commit(self) -> None:
        try:
            await self._producer.commit_transaction()
        except Exception as error:
            # Whether it was committed is unknown; a new producer with this id settles it, and the marks tell.
            raise PublisherLost(f"the commit was not confirmed: {type(error).__name__}") from error

    async def _confirm(self, ended: Ending, batches: Sequence[_Batch], group: str) -> None:
        """While the broker may be on its way back. Whatever goes wrong now must not make the batch be published again."""
        if not self._troubles.recent:
            return
        written = Leftovers([TopicPartition(*place) for place in {batch[:2] for batch in batches}], [group])
        try:
            await confirm(self._producer, written, ended)
        except Exception as error:
            raise PublisherLost(f"not {ended} everywhere: {type(error).__name__}") from error

    async def _abort(self, group: str, cause: KafkaError) -> None:
        metrics.ABORTS.labels(group=group).inc()
        log.info("transaction_aborted", cause=type(cause).__name__, group=group)
        try:
            await self._producer.abort_transaction()
        except (KafkaError, AssertionError) as error:
            raise PublisherLost(f"the transaction could not be aborted: {type(error).__name__}") from error


async def _started(
    settings: Mapping[str, Any], leftovers: Leftovers, memory: Memory, within: float
) -> tuple[AIOKafkaProducer, Troubles]:
    """A producer that has its id. Raises TimeoutError where only that takes too long; how long servers' names are looked up
    and connections are made says nothing of the id.

    How the last transaction ended is kept from before the id is taken until its leftovers are ended: whoever is
    interrupted in between would be told of another one, its own."""
    producer = AIOKafkaProducer(**settings)
    troubles = Troubles(producer)
    try:
        await _connect(producer)
        ended = await memory.read()
        if ended is None:
            async with asyncio.timeout(within):
                ended = await how_it_ended(producer)
            if ended is not None:
                await memory.write(ended)
        async with asyncio.timeout(within):
            await producer._sender.start()
        if ended is not None:
            await end_leftovers(producer, leftovers, ended)
            await confirm(producer, leftovers, ended)
            await memory.write(None)
    except BaseException:
        await producer.stop()
        raise
    return producer, troubles


async def _connect(producer: AIOKafkaProducer) -> None:
    """What `producer.start` does first, and the connection to the coordinator of its id."""
    sender = producer._sender
    try:
        async with asyncio.timeout(_CONNECTED_WITHIN_S):
            await producer.client.bootstrap()
            node = await sender._find_coordinator(CoordinationType.TRANSACTION, producer._txn_manager.transactional_id)
            await producer.client.ready(node)
    except TimeoutError as error:
        raise KafkaConnectionError("no connection to the coordinator") from error


def _batches(producer: AIOKafkaProducer, outputs: Sequence[Output]) -> list[_Batch]:
    """Hand-built record batches by partition: no hashing, no future per message, key and partition kept."""
    by_partition: dict[tuple[str, int], list[Output]] = {}
    for output in outputs:
        by_partition.setdefault((output.topic, output.partition), []).append(output)
    return [
        (topic, partition, builder)
        for (topic, partition), group in by_partition.items()
        for builder in _builders(producer, group)
    ]


def _builders(producer: AIOKafkaProducer, outputs: Sequence[Output]) -> list[Any]:
    now = int(time.time() * 1000)
    builders = [producer.create_batch()]
    for output in outputs:
        if not _append(builders[-1], output, now):
            builders.append(producer.create_batch())
            _append(builders[-1], output, now)
    for builder in builders:
        builder.close()
    return builders


def _append(builder: Any, output: Output, now: int) -> bool:
    """What the builder's own `append` does, without what is the same for each record."""
    number = builder._relative_offset
    if builder._builder.append(number, now, output.key, output.value, output.headers) is None:
        return False
    builder._relative_offset = number + 1
    return True
