"""A head that is too long, or never comes, costs its sender the connection and us nothing."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import uvicorn
from fastapi import FastAPI, Request

from shared.runtime.connections import BoundedHeads
from tests.support.waiting import eventually


class _Hasty(BoundedHeads):
    head_timeout_s = 0.3


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = FastAPI()

    @app.post("/")
    async def read(request: Request) -> int:
        return len(await request.body())

    server = uvicorn.Server(uvicorn.Config(app, port=0, http=_Hasty, log_config=None, lifespan="off"))
    running = asyncio.create_task(server._serve())

    async def started() -> bool:
        return server.started

    await eventually(started, "the server starts")
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await running


async def _all(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(5):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize("said", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: t\r\nX: a"])
async def test_a_head_that_never_ends_is_given_up(port: int, said: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    assert await _all(reader) == b""
    writer.close()


async def test_a_head_without_end_is_cut_off(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: t\r\nX: ")
    sent = 0
    try:
        while sent < 50_000_000:
            writer.write(b"a" * 65_536)
            await writer.drain()
            sent += 65_536
    except ConnectionError:
        pass
    assert sent < 20_000_000
    writer.close()


async def test_long_and_slow_bodies_and_kept_connections_are_no_heads(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(2):
        writer.write(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 300002\r\n\r\n" + b"x" * 300_000)
        patience_ends = time.monotonic() + _Hasty.head_timeout_s * 1.5

        async def past(end: float = patience_ends) -> bool:
            return time.monotonic() > end

        await eventually(past, "the time for a head is over")
        writer.write(b"xx")
        async with asyncio.timeout(5):
            answer = await reader.readuntil(b"300002")
        assert answer.startswith(b"HTTP/1.1 200")
    writer.close()
