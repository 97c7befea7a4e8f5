"""Names of servers: one look-up for all who want it, and the last answer while there is no other."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Any

import pytest
import uvloop

from shared.runtime.server_names import Address, Loop, ServerNames, is_address

HERE = Address("127.0.0.1", socket.AF_INET)
THERE = Address("127.0.0.2", socket.AF_INET)


class NameServer:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.answer: Sequence[Address] | OSError = [HERE]
        self.looking, self.answers = asyncio.Event(), asyncio.Event()
        self.answers.set()
        self.now = 0.0

    async def look_up(self, _host: str, _port: int) -> Sequence[Address]:
        self.asked += 1
        self.looking.set()
        await self.answers.wait()
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer

    def names(self) -> ServerNames:
        return ServerNames(self.look_up, clock=lambda: self.now, patience_s=0.05)


@pytest.fixture
async def server() -> NameServer:
    return NameServer()


async def test_all_who_want_a_name_wait_for_one_look_up(server: NameServer) -> None:
    server.answers.clear()
    names = server.names()
    wanting = [asyncio.create_task(names.addresses("kafka", 9092)) for _ in range(20)]
    other = asyncio.create_task(names.addresses("postgres", 5432))
    given_up = asyncio.create_task(names.addresses("kafka", 9092))
    await server.looking.wait()
    given_up.cancel()
    server.answers.set()
    assert await asyncio.gather(*wanting, other) == [[HERE]] * 21
    assert server.asked == 2
    server.now = 4.9
    assert await names.addresses("kafka", 9092) == [HERE] and server.asked == 2


async def test_a_server_that_moves_is_found(server: NameServer) -> None:
    names = server.names()
    await names.addresses("kafka", 9092)
    server.answer, server.now = [THERE], 5.0
    assert await names.addresses("kafka", 9092) == [THERE]


async def test_addresses_at_which_nothing_answers_are_looked_up_again(server: NameServer) -> None:
    names = server.names()
    await names.addresses("kafka", 9092)
    server.answer = [THERE]
    names.doubt("kafka", 9092)
    names.doubt("never met", 1)
    assert await names.addresses("kafka", 9092) == [THERE]


@pytest.mark.parametrize("slow", [True, False])
async def test_what_was_found_serves_while_the_name_server_is_slow_or_away(server: NameServer, slow: bool) -> None:
    names = server.names()
    await names.addresses("kafka", 9092)
    server.now = 299.0
    if slow:
        server.answers.clear()
    else:
        server.answer = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    assert await names.addresses("kafka", 9092) == [HERE]
    assert await names.addresses("kafka", 9092) == [HERE]
    assert server.asked == (2 if slow else 3)
    server.answer = [THERE]
    server.answers.set()
    assert await names.addresses("kafka", 9092) == [THERE]


async def test_a_name_that_is_not_found_is_an_error_and_asked_for_anew(server: NameServer) -> None:
    names, away = server.names(), socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    server.answer = away
    with pytest.raises(socket.gaierror):
        await names.addresses("kafka", 9092)
    server.answer = [HERE]
    assert await names.addresses("kafka", 9092) == [HERE]
    server.answer, server.now = away, 301.0
    with pytest.raises(socket.gaierror):
        await names.addresses("kafka", 9092)


@pytest.mark.parametrize(
    ("host", "told"), [("127.0.0.1", True), ("::1", True), ("fe80::1%eth0", True), ("kafka", False), ("10.0.0", False)]
)
def test_numbers_are_not_looked_up(host: str, told: bool) -> None:
    assert is_address(host) is told


def _on_the_loop(what: Any) -> Any:
    with asyncio.Runner(loop_factory=Loop) as runner:
        return runner.run(asyncio.wait_for(what, 20))


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(await reader.readline())
    writer.close()


def test_the_first_address_that_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def two(_loop: Any, host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("127.0.0.9", "127.0.0.1")]

    monkeypatch.setattr(uvloop.Loop, "getaddrinfo", two)

    async def twice() -> None:
        async with await asyncio.start_server(_echo, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            for _ in range(2):
                reader, writer = await asyncio.open_connection("a.server", port)
                writer.write(b"here\n")
                assert await reader.read() == b"here\n"
                writer.close()
            with pytest.raises(OSError, match="family"):
                await asyncio.open_connection("a.server", port, family=socket.AF_INET6)

    _on_the_loop(twice())
    assert asked == ["a.server"]


def test_a_certificate_is_compared_with_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []

    async def connect(_loop: Any, _factory: Any, host: Any = None, port: Any = None, **options: Any) -> None:
        told.append({"host": host, "port": port, **options})

    monkeypatch.setattr(uvloop.Loop, "create_connection", connect, raising=False)
    context = ssl.create_default_context()

    async def secured() -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(asyncio.Protocol, "localhost", 9093, ssl=context)
        await loop.create_connection(asyncio.Protocol, "localhost", 9093, ssl=context, server_hostname="kafka.internal")
        await loop.create_connection(asyncio.Protocol, "127.0.0.1", 9093, ssl=context)

    _on_the_loop(secured())
    assert [each.get("server_hostname") for each in told] == ["localhost", "kafka.internal", None]
    assert told[0]["host"] in ("127.0.0.1", "::1")
