"""Fencing by group membership (KIP-447), which aiokafka 0.14 lacks.

Two holes are closed. A worker that lost its partitions while it processed a batch must not commit their offsets:
offsets are committed in the transaction under the membership with which the batch was *fetched*, and the group
coordinator refuses a stale one. And a new owner must not start from an offset that its predecessor's open
transaction is about to move: committed offsets are read with `require_stable`.

The two functions replace methods on *instances*, after they have started, and nothing else of aiokafka.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.client import CoordinationType
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupLoadInProgressError, KafkaError, NotCoordinatorForGroupError, for_code
from aiokafka.producer.sender import Sender, TxnOffsetCommitHandler
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from shared.messaging.protocol import FencedTxnOffsetCommitRequest, StableOffsetFetchRequest
from shared.observability import metrics

_ILLEGAL_GENERATION: Final = 22
_UNKNOWN_MEMBER: Final = 25
_REBALANCE_IN_PROGRESS: Final = 27
_FENCED_INSTANCE: Final = 82
_UNSTABLE_OFFSET: Final = 88
_LOST: Final = {_ILLEGAL_GENERATION, _UNKNOWN_MEMBER, _REBALANCE_IN_PROGRESS, _FENCED_INSTANCE}

NO_GENERATION: Final = -1


@dataclass(frozen=True, slots=True)
class Membership:
    """Who a worker is in its group. Generation -1 means no member; the coordinator would not check it."""

    generation: int
    member_id: str
    instance_id: str | None = None

    @property
    def valid(self) -> bool:
        return self.generation > NO_GENERATION and bool(self.member_id)


class MembershipLost(KafkaError):
    """The group has moved on: the batch belongs to another member now. Drop it."""


class UnstableOffset(KafkaError):
    """An open transaction may still move this offset. Ask again."""

    retriable = True


def current_membership(consumer: AIOKafkaConsumer) -> Membership:
    """The membership that the consumer holds right now."""
    coordinator = consumer._coordinator
    if not isinstance(coordinator, GroupCoordinator):
        return Membership(NO_GENERATION, "")
    return Membership(coordinator.generation, coordinator.member_id, coordinator._group_instance_id)


class _FencedOffsetCommit(TxnOffsetCommitHandler):  # type: ignore[misc]
    """aiokafka's handler, with the member in the request and the coordinator's refusal understood."""

    def __init__(self, sender: Sender, offsets: dict[TopicPartition, Any], group: str, member: Membership) -> None:
        super().__init__(sender, offsets, group)
        self._member = member

    def create_request(self) -> FencedTxnOffsetCommitRequest:
        txn = self._sender._txn_manager
        by_topic: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for tp, offset in sorted(self._offsets.items()):
            by_topic[tp.topic].append((tp.partition, offset.offset))
        member = (self._member.generation, self._member.member_id, self._member.instance_id)
        producer = (txn.producer_id, txn.producer_epoch)
        return FencedTxnOffsetCommitRequest(txn.transactional_id, self._group_id, producer, member, dict(by_topic))

    def handle_response(self, response: Any) -> float | None:
        flat = [(topic, [(p, code) for p, code, _ in partitions]) for topic, partitions, _ in response.topics]
        codes = {code for _, partitions in flat for _, code in partitions}
        if codes & _LOST:
            self._refuse(codes & _LOST)
            return None
        backoff: float | None = super().handle_response(_Errors(flat))
        return backoff

    def _refuse(self, codes: set[int]) -> None:
        # Only the waiting future fails. aiokafka's own error_transaction() would forget the partitions, the abort
        # would never be sent, and the transaction would hang until its time-out.
        _, _, future = self._sender._txn_manager._pending_txn_offsets.popleft()
        metrics.FENCINGS.labels(group=self._group_id).inc()
        if not future.done():
            future.set_exception(MembershipLost(f"coordinator refused the member: codes {sorted(codes)}"))


@dataclass(frozen=True, slots=True)
class _Errors:
    errors: list[tuple[str, list[tuple[int, int]]]]


def fence_offset_commits(producer: AIOKafkaProducer, member_of: Callable[[str], Membership]) -> None:
    """Make `producer` commit transactional offsets as the member that `member_of(group)` names."""
    sender = producer._sender
    last_group: str | None = None

    async def commit(offsets: dict[TopicPartition, Any], group_id: str) -> None:
        nonlocal last_group
        if not offsets:
            return
        if group_id != last_group:
            # aiokafka keeps one group coordinator, but a producer may serve two groups (capture's lanes).
            sender._coordinators.pop(CoordinationType.GROUP, None)
            last_group = group_id
        node_id = await sender._find_coordinator(CoordinationType.GROUP, group_id)
        await _FencedOffsetCommit(sender, offsets, group_id, member_of(group_id)).do(node_id)

    sender._do_txn_offset_commit = commit


def read_stable_offsets(consumer: AIOKafkaConsumer) -> None:
    """Make `consumer` read its committed offsets with `require_stable`."""
    coordinator = consumer._coordinator

    async def fetch(partitions: Any) -> dict[TopicPartition, OffsetAndMetadata]:
        wanted: dict[str, list[int]] = defaultdict(list)
        for tp in partitions:
            wanted[tp.topic].append(tp.partition)
        response = await coordinator._send_req(StableOffsetFetchRequest(coordinator.group_id, dict(wanted)))
        _raise_for(coordinator, response.error_code)
        return _stable_offsets(coordinator, response)

    coordinator._do_fetch_commit_offsets = fetch


def _stable_offsets(coordinator: GroupCoordinator, response: Any) -> dict[TopicPartition, OffsetAndMetadata]:
    offsets = {}
    for topic, partitions, _ in response.topics:
        for partition, offset, _epoch, metadata, code, _tags in partitions:
            _raise_for(coordinator, code)
            if offset >= 0:
                offsets[TopicPartition(topic, partition)] = OffsetAndMetadata(offset, metadata or "")
    return offsets


def _raise_for(coordinator: GroupCoordinator, code: int) -> None:
    if code == 0:
        return
    if code == _UNSTABLE_OFFSET:
        metrics.UNSTABLE_OFFSET_WAITS.labels(group=coordinator.group_id).inc()
        raise UnstableOffset
    error = for_code(code)
    if error is NotCoordinatorForGroupError:
        coordinator.coordinator_dead()
    if error in (NotCoordinatorForGroupError, GroupLoadInProgressError):
        raise error()
    raise KafkaError(f"could not read committed offsets of {coordinator.group_id}: {error.__name__}")
