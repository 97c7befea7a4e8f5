"""Connections that are gone before anybody was told.

Between the reset of a connection and the moment at which its protocol hears of it, aiokafka still takes it for connected.
Under uvloop writing to it raises RuntimeError, which aiokafka expects nowhere: the task that keeps its metadata ends of it,
and so may the one that fetches, and nobody looks at either. Whoever asks for metadata then waits for ever.
"""

from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError


def send_or_fail() -> None:
    """From now on a request to a connection that is closing fails as one to a lost connection does, in this process."""
    AIOKafkaConnection.send = _send


def ended_task_of_consumer(consumer: AIOKafkaConsumer) -> str | None:
    """The name of a task of aiokafka's that should run as long as the consumer does, and has ended."""
    return _ended(
        metadata=_task(consumer, "_client", "_sync_task"),
        fetch=_task(consumer, "_fetcher", "_fetch_task"),
        coordination=_task(consumer, "_coordinator", "_coordination_task"),
    )


def ended_task_of_producer(producer: AIOKafkaProducer) -> str | None:
    """The same of a producer."""
    return _ended(metadata=producer.client._sync_task, send=producer._sender.sender_task)


def _task(consumer: AIOKafkaConsumer, part: str, task: str) -> Any:
    """Parts and their tasks are set by the consumer's start."""
    return getattr(getattr(consumer, part, None), task, None)


def _ended(**tasks: Any) -> str | None:
    return next((name for name, task in tasks.items() if task is not None and task.done()), None)


_ORIGINAL: Final = AIOKafkaConnection.send


def _send(self: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:
    if self._writer is None or not self._writer.transport.is_closing():
        try:
            return _ORIGINAL(self, request, expect_response)
        except RuntimeError:
            pass  # closed between the look and the writing, by the event loop itself
    self.close(reason=CloseReason.CONNECTION_BROKEN)
    raise KafkaConnectionError(f"Connection at {self._host}:{self._port} is closing")
