"""Producer ids, and what to do when one is of no use any more: aiokafka 0.14 keeps it for ever.

A batch that a broker refused has used up sequence numbers that the broker never saw, and a broker may have lost or
forgotten those that it saw. With the same id nothing would be taken any more; the Java client takes another one then.
"""

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerIdMapping
from aiokafka.producer.transaction_manager import NO_PRODUCER_EPOCH, NO_PRODUCER_ID, PidAndEpoch
from aiokafka.util import create_future

log = structlog.get_logger(__name__)


def ask_for_a_new_id(producer: AIOKafkaProducer) -> None:
    """Let an idempotent producer have a new id before its next batch. Batches under way keep the old one, and with it
    what the broker knows of them."""
    manager = producer._txn_manager
    manager._pid_and_epoch = PidAndEpoch(NO_PRODUCER_ID, NO_PRODUCER_EPOCH)
    manager._pid_waiter = create_future()
    manager._sequence_numbers.clear()
    log.warning("producer_id_renewed")


def is_forgotten(producer: AIOKafkaProducer) -> bool:
    """Whether a transactional producer has ended because Kafka does not know its id any more: nobody used it for longer
    than the broker remembers (`transactional.id.expiration.ms`). It has no transaction then, so nothing was written."""
    task = producer._sender.sender_task
    if task is None or not task.done() or task.cancelled():
        return False
    error = task.exception()
    return error is not None and isinstance(error.__cause__, InvalidProducerIdMapping)
