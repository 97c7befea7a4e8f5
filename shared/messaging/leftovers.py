"""What a transaction left open: Kafka may end one without telling every partition of it.

A transaction coordinator that finds a partition without a leader takes it for deleted, and skips its marker
(TransactionMarkerChannelManager of Kafka 4.3: "likely deleted already and hence can be skipped"). For a second or so
that is the state of all partitions of a broker that was killed and comes back. The transaction counts as ended, its
records stay open, and the next one of the same producer id decides about them too: an aborted batch is committed beside
the one that replaced it, or offsets are. So whoever takes a transactional id over asks how its last transaction ended,
and ends whatever may be left of it in the same way, before it publishes anything (docs/adr/0027-leftovers.md). And who goes
on after the broker was away looks, after each commit, whether it has reached every partition.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.client import ConnectionGroup, CoordinationType
from aiokafka.conn import CloseReason
from aiokafka.errors import IncompatibleBrokerVersion, KafkaConnectionError, KafkaError

from shared.messaging.protocol import DescribeProducersRequest, DescribeTransactionsRequest
from shared.persistence.slots import Ending

log = structlog.get_logger(__name__)

_COMMITTED: Final = frozenset({"PrepareCommit", "CompleteCommit"})
_LOADING, _NOT_AVAILABLE, _NOT_COORDINATOR, _UNKNOWN_ID = 14, 15, 16, 105
_NO_LEADER: Final = frozenset({5, 6})
_ASK_AGAIN: Final = frozenset({_LOADING, _NOT_AVAILABLE, _NOT_COORDINATOR})
_PAUSE_S: Final = 0.1
_WITHIN_S: Final = 30.0
# The controller gives up what a killed broker was before nine seconds after its return; some more, for slow machines. When
# it returns is seen by connections that are made; when it was lost says less.
_LOST_S, _MADE_S = 60.0, 30.0
_OFFSETS: Final = "__consumer_offsets"
# A marker is written some milliseconds behind the answer; this long is waited before each look.
_LOOKS_S: Final = (0.003, 0.005, 0.01, 0.02, 0.04, 0.08)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Where a predecessor may have left something: partitions that it wrote to, groups whose offsets it committed."""

    partitions: Sequence[TopicPartition] = ()
    groups: Sequence[str] = ()


class Memory(Protocol):
    """Keeps how the last transaction of an id ended until its leftovers are ended: taking the id makes Kafka forget it."""

    async def read(self) -> Ending | None:
        """What is kept; None where nothing is left to be ended."""
        ...

    async def write(self, ended: Ending | None) -> None:
        """Keep it, also beyond the process; None: all is ended."""
        ...


class OwnMemory:
    """Lasts as long as the process."""

    def __init__(self) -> None:
        self._ended: Ending | None = None

    async def read(self) -> Ending | None:
        """See Memory."""
        return self._ended

    async def write(self, ended: Ending | None) -> None:
        """See Memory."""
        self._ended = ended


async def how_it_ended(producer: AIOKafkaProducer) -> Ending | None:
    """How the last transaction of this producer's id ended, or will be; None where there was none, or Kafka does not say.
    To be asked before the id is taken: that begins a new history."""
    sender, name = producer._sender, producer._txn_manager.transactional_id
    while True:
        node = await sender._find_coordinator(CoordinationType.TRANSACTION, name)
        try:
            response = await producer.client.send(
                node, DescribeTransactionsRequest(name), group=ConnectionGroup.COORDINATION
            )
        except IncompatibleBrokerVersion:
            return None
        code, state = _state_of(response)
        if code == 0:
            return "committed" if state in _COMMITTED else "aborted"
        if code not in _ASK_AGAIN:
            if code != _UNKNOWN_ID:
                log.warning("last_transaction_unknown", transactional_id=name, reason=f"code {code}")
            return None
        sender._coordinator_dead(CoordinationType.TRANSACTION)
        await asyncio.sleep(_PAUSE_S)


async def end_leftovers(producer: AIOKafkaProducer, leftovers: Leftovers, ended: Ending) -> None:
    """One transaction without records over all these places: its markers end what is open there. Raises KafkaError."""
    try:
        async with asyncio.timeout(_WITHIN_S):
            await producer.begin_transaction()
            for group in leftovers.groups:
                while not await producer._sender._do_add_offsets_to_txn(group):
                    pass
            for place in leftovers.partitions:
                producer._txn_manager.maybe_add_partition_to_txn(place)
            await (producer.commit_transaction() if ended == "committed" else producer.abort_transaction())
    except TimeoutError as error:
        raise KafkaConnectionError("what the last transaction left open could not be ended") from error


class Troubles:
    """Notes when a producer last lost a connection, or made one."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._until = 0.0
        client: Any = producer.client
        closed, connect = client._on_connection_closed, client._get_conn

        def note(connection: Any, reason: CloseReason | None) -> None:
            if reason in (CloseReason.CONNECTION_BROKEN, CloseReason.CONNECTION_TIMEOUT):
                self._for(_LOST_S)
            closed(connection, reason)

        async def get(node_id: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT, no_hint: bool = False) -> Any:
            before = client._conns.get((node_id, group))
            found = await connect(node_id, group=group, no_hint=no_hint)
            if found is not None and found is not before:
                self._for(_MADE_S)
            return found

        client._on_connection_closed, client._get_conn = note, get

    def _for(self, seconds: float) -> None:
        self._until = max(self._until, time.monotonic() + seconds)

    @property
    def recent(self) -> bool:
        """Whether the broker may be on its way back."""
        return time.monotonic() < self._until


async def confirm(producer: AIOKafkaProducer, written: Leftovers, ended: Ending) -> None:
    """End it again until no partition holds the transaction open that has just ended, those of the groups' offsets neither."""
    places = [*written.partitions, *await _offsets_of(producer, written.groups)]
    while await _stays_open(producer, places):
        log.warning("marker_skipped", partitions=len(places), reason=ended)
        await end_leftovers(producer, written, ended)


async def _offsets_of(producer: AIOKafkaProducer, groups: Sequence[str]) -> list[TopicPartition]:
    """The partitions that hold the offsets of groups."""
    client, cluster = producer.client, producer.client.cluster
    if cluster.partitions_for_topic(_OFFSETS) is None:
        # A client that follows no topic in particular knows them all, and would forget them for the one that it follows.
        await (client.add_topic(_OFFSETS) if client._topics else client.force_metadata_update())
        if cluster.partitions_for_topic(_OFFSETS) is None:  # asked for before, and was not there
            await client.force_metadata_update()
    count = len(cluster.partitions_for_topic(_OFFSETS) or ())
    return [TopicPartition(_OFFSETS, offsets_partition(group, count)) for group in groups] if count else []


def offsets_partition(group: str, count: int) -> int:
    """Where Kafka keeps a group's offsets: Java's `String.hashCode`, made positive as Kafka does, modulo the partitions
    (GroupMetadataManager.partitionFor)."""
    units = group.encode("utf-16-be")
    digest = 0
    for high, low in zip(units[::2], units[1::2], strict=True):
        digest = (31 * digest + (high << 8 | low)) & 0xFFFFFFFF
    signed = digest - (1 << 32) if digest >> 31 else digest
    return 0 if signed == -(1 << 31) else abs(signed) % count


async def _stays_open(producer: AIOKafkaProducer, partitions: Sequence[TopicPartition]) -> bool:
    for pause in _LOOKS_S:
        await asyncio.sleep(pause)
        if not await _holds_open(producer, partitions):
            return False
    return True


async def _holds_open(producer: AIOKafkaProducer, partitions: Sequence[TopicPartition]) -> bool:
    """Whether a partition has a transaction of this producer; also where there is nobody to ask."""
    by_leader: defaultdict[Any, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place in partitions:
        by_leader[producer.client.cluster.leader_for_partition(place)][place.topic].append(place.partition)
    for leader, topics in by_leader.items():
        if leader is None or leader < 0:
            await producer.client.force_metadata_update()
            return True
        try:
            response = await producer.client.send(leader, DescribeProducersRequest(dict(topics)))
        except IncompatibleBrokerVersion:
            continue
        except KafkaError:
            return True
        if _is_open(response, producer._txn_manager.producer_id):
            return True
    return False


def _is_open(response: Any, producer_id: int) -> bool:
    """A refusal to tell is none that can be waited for."""
    for _topic, partitions, _ in response.topics:
        for _partition, code, _message, producers, _ in partitions:
            if code in _NO_LEADER or any(pid == producer_id and start >= 0 for pid, *_, start, _ in producers):
                return True
    return False


def _state_of(response: Any) -> tuple[int, str]:
    for code, _name, state, *_ in response.transaction_states:
        return code, state
    raise KafkaError("no answer about the last transaction")
