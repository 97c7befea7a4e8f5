"""Connections that are gone before anybody was told, and clients whose own tasks have ended of it."""

import asyncio
import functools
from types import SimpleNamespace
from typing import Any

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

from shared.messaging import broker as shell
from shared.messaging.connections import _send, ended_task_of_consumer


class Connection:
    """As much of aiokafka's as sending needs."""

    _host, _port = "127.0.0.1", 9092

    def __init__(self, *, closing: bool) -> None:
        self._writer: Any = SimpleNamespace(transport=SimpleNamespace(is_closing=lambda: closing))
        self.closed: list[CloseReason | None] = []

    def close(self, reason: CloseReason | None = None) -> None:
        self.closed.append(reason)


@pytest.mark.parametrize("closing", [True, False])
def test_a_request_to_a_connection_that_is_gone_fails_as_one_to_a_lost_one(
    closing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def handler_closed(*_: Any) -> None:
        raise RuntimeError("unable to perform operation; the handler is closed")

    monkeypatch.setattr("shared.messaging.connections._ORIGINAL", handler_closed)
    connection = Connection(closing=closing)
    with pytest.raises(KafkaConnectionError):
        _send(connection, object())
    assert connection.closed == [CloseReason.CONNECTION_BROKEN]


def test_every_connection_of_this_process_sends_so() -> None:
    assert AIOKafkaConnection.send is _send


def test_uvloop_refuses_to_write_to_a_handler_that_is_closed() -> None:
    """What the guard is for: asyncio's own transport would only warn."""

    async def write_after_the_close() -> None:
        server = await asyncio.start_server(lambda _reader, writer: writer.transport.abort(), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await reader.read()
            writer.transport.abort()
            while True:
                await asyncio.sleep(0)
                writer.write(b"x")

    with pytest.raises(RuntimeError, match="closed"):
        uvloop.run(asyncio.wait_for(write_after_the_close(), 10))


def ended() -> "asyncio.Future[None]":
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


async def test_the_task_that_has_ended_is_named() -> None:
    def consumer(**tasks: Any) -> Any:
        running = asyncio.get_running_loop().create_future()
        found = {"metadata": running, "fetch": running, "coordination": running, **tasks}
        return SimpleNamespace(
            _client=SimpleNamespace(_sync_task=found["metadata"]),
            _fetcher=SimpleNamespace(_fetch_task=found["fetch"]),
            _coordinator=SimpleNamespace(_coordination_task=found["coordination"]),
        )

    assert ended_task_of_consumer(consumer()) is None
    for name in ("metadata", "fetch", "coordination"):
        assert ended_task_of_consumer(consumer(**{name: ended()})) == name


class Subscriber:
    """One of FastStream's, whose start may fail."""

    def __init__(self, shell_settings: Any, failures: int) -> None:
        self.running, self.starts, self.stops = False, 0, 0
        self._settings, self._failures = shell_settings, failures

    async def start(self) -> None:
        self.starts += 1
        if self.starts <= self._failures:
            raise KafkaConnectionError("Kafka is away")
        self.running = True

    async def stop(self) -> None:
        self.stops += 1


async def test_consumers_that_could_not_be_started_are_started_again_and_those_that_run_are_not() -> None:
    async def connect() -> None:
        return None

    settings = SimpleNamespace(builder=functools.partial(dict, bootstrap_servers="127.0.0.1:1"))
    subscribers = [Subscriber(settings, 0), Subscriber(settings, 1)]
    broker: Any = SimpleNamespace(
        connect=connect, config=SimpleNamespace(broker_config=settings), subscribers=subscribers, running=False
    )
    with pytest.raises(KafkaConnectionError):
        await shell.start_broker(broker, [])
    await shell.start_broker(broker, [])
    assert [(each.starts, each.stops, each.running) for each in subscribers] == [(1, 0, True), (2, 1, True)]
    assert broker.running and settings.builder.keywords == {"bootstrap_servers": "127.0.0.1:1"}
