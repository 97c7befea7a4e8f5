"""FastStream as the shell: broker, subscriptions and lifespan; delivery is the lane's."""

import contextlib
import logging
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from faststream.kafka.message import FAKE_CONSUMER

from shared.messaging.consumer import MemberConsumer
from shared.messaging.lane import Lane
from shared.messaging.transaction import RETRY_BACKOFF_MS

SESSION_TIMEOUT_MS: Final = 10_000
REBALANCE_TIMEOUT_MS: Final = 60_000
MAX_POLL_INTERVAL_MS: Final = 120_000


def create_broker(bootstrap: str, client_id: str, *, session_timeout_ms: int = SESSION_TIMEOUT_MS) -> KafkaBroker:
    """A broker whose own producer is plain and idempotent: it takes receipts and commands, never a batch's outputs."""
    return KafkaBroker(
        bootstrap,
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        compression_type="zstd",
        linger_ms=2,
        max_batch_size=1_048_576,
        max_request_size=1_114_112,
        retry_backoff_ms=RETRY_BACKOFF_MS,
        request_timeout_ms=10_000,
        allow_auto_create_topics=False,
        logger=logging.getLogger("faststream"),
        log_level=logging.DEBUG,
        graceful_timeout=15.0,
    )


async def _keep_raw(message: Sequence["ConsumerRecord[Any, Any]"]) -> KafkaMessage:
    """A parser that never raises: the records stay as they came."""
    return KafkaMessage(
        body=b"", raw_message=tuple(message), headers={}, message_id="", correlation_id="", consumer=FAKE_CONSUMER
    )


async def _raw_records(message: KafkaMessage) -> Any:
    return message.raw_message


def subscribe(broker: KafkaBroker, lane: Lane, *, session_timeout_ms: int = SESSION_TIMEOUT_MS) -> None:
    """Attach a lane to the broker."""
    subscription = lane.subscription
    subscriber = broker.subscriber(
        *(lane.names.topic(topic) for topic in subscription.topics),
        group_id=lane.group,
        batch=True,
        max_records=subscription.max_records,
        batch_timeout_ms=100,
        ack_policy=AckPolicy.MANUAL,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        listener=lane,
        no_reply=True,
        session_timeout_ms=session_timeout_ms,
        heartbeat_interval_ms=session_timeout_ms // 3,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
        partition_assignment_strategy=(RoundRobinPartitionAssignor,),
        title=subscription.title or subscription.group,
    )

    async def take(records: Any) -> None:
        await lane.take(records)

    subscriber(take, parser=_keep_raw, decoder=_raw_records)


async def start_broker(broker: KafkaBroker, lanes: Sequence[Lane]) -> None:
    """Start consuming with our consumer in the place of aiokafka's, tied to its lane before the first record. May be called
    again after it has failed: what runs already stays."""
    await broker.connect()
    settings: Any = broker.config.broker_config
    defaults = settings.builder.keywords
    by_group = {lane.group: lane for lane in lanes}

    def build(group_id: str, **options: Any) -> MemberConsumer:
        consumer = MemberConsumer(group_id=group_id, **{**defaults, **options})
        lane = by_group[group_id]
        lane.consumer = consumer
        consumer.on_idle = lane.idle
        consumer.on_untaken = lane.untaken
        consumer.on_stuck = lane.stuck
        consumer.positions.on_gap = lane.gap
        return consumer

    build.keywords = defaults  # type: ignore[attr-defined]
    settings.builder = build
    for subscriber in broker.subscribers:
        if not subscriber.running:
            await _start(subscriber)
    broker.running = True


async def _start(subscriber: Any) -> None:
    try:
        await subscriber.start()
    except BaseException:
        with contextlib.suppress(Exception):
            await subscriber.stop()
        raise
