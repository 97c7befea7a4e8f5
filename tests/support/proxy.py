"""A TCP proxy that a test puts between a service and a server, to cut the line and mend it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Forwards to one target. `cut` closes what is open and refuses what is new; `hang` keeps lines open, silent."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._up = asyncio.Event()
        self._up.set()
        self._there = asyncio.Event()
        self._there.set()
        self._back = asyncio.Event()
        self._back.set()
        self._lines: set[asyncio.Task[None]] = set()
        self.port = 0
        self.refused = 0

    def aim(self, host: str, port: int) -> None:
        """Where new lines go from now on."""
        self._target = (host, port)

    @property
    def open_lines(self) -> int:
        """Lines that are open now."""
        return len(self._lines)

    def cut(self) -> None:
        self._up.clear()
        self.drop()

    def drop(self) -> None:
        """Close what is open; new lines are taken."""
        for line in list(self._lines):
            line.cancel()

    def hang(self, *, there: bool = True, back: bool = True) -> None:
        """Hold back what the client sends (`there`), what the server answers (`back`), or both. `mend` delivers it."""
        if there:
            self._there.clear()
        if back:
            self._back.clear()

    def mend(self) -> None:
        self._there.set()
        self._back.set()
        self._up.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        try:
            if self._up.is_set():
                await self._line(reader, writer)
            else:
                self.refused += 1
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._lines.discard(task)
            writer.close()

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection(*self._target)
        try:
            pumps = [
                asyncio.create_task(self._pump(reader, there_writer, self._there)),
                asyncio.create_task(self._pump(there_reader, writer, self._back)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
        finally:
            there_writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                await flowing.wait()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def proxied(host: str, port: int) -> AsyncIterator[Proxy]:
    """A running proxy to host and port; `proxy.port` is where it listens."""
    proxy = Proxy(host, port)
    server = await asyncio.start_server(proxy._accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        proxy.cut()
        server.close()
