"""Bodies of requests are bounded in size and time before anyone reads them, whoever sends them."""

import asyncio
import time
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# 700 kB of rules, each character escaped as \\uXXXX.
BODY_LIMIT_BYTES: Final = 5 * 1024 * 1024
BODY_TIMEOUT_S: Final = 30.0
# How much of a body that nobody asked for is taken before the answer: a connection that is closed with bytes on their way is
# reset, and the client would not see what it is told.
_REST_BYTES: Final = 262_144
_REST_S: Final = 1.0
# What is left of the body is not read: the connection cannot be used again.
_CLOSE: Final = {"Connection": "close"}


class BoundedBodies:
    """Middleware: 413 beyond `limit` bytes, 408 when the body takes longer than `timeout_s`.

    FastAPI reads a body before it asks who sends it, so that without this anybody could fill the memory.
    """

    def __init__(self, app: ASGIApp, limit: int = BODY_LIMIT_BYTES, timeout_s: float = BODY_TIMEOUT_S) -> None:
        self._app = app
        self._limit = limit
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Bounded(receive, self._limit, time.monotonic() + self._timeout_s)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                await body.take_rest()
            await send(message)

        await self._app(scope, body, answer)


class _Bounded:
    """The `receive` of one request."""

    def __init__(self, receive: Receive, room: int, deadline: float) -> None:
        self._receive = receive
        self._room = room
        self._deadline = deadline
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:  # what comes now is the client's leaving, which may take for ever
            return await self._receive()
        try:
            async with asyncio.timeout(max(0.0, self._deadline - time.monotonic())):
                message = await self._receive()
        except TimeoutError as error:
            self._complete = True
            raise HTTPException(408, "The body did not arrive in time.", _CLOSE) from error
        self._room -= len(message.get("body", b""))
        if self._room < 0:
            raise HTTPException(413, "The body is too large.", _CLOSE)
        self._complete = not message.get("more_body", False)
        return message

    async def take_rest(self) -> None:
        """Take some of what was not read of the body, which nobody will."""
        room = min(_REST_BYTES, self._room)
        try:
            async with asyncio.timeout(_REST_S):
                while not self._complete and room > 0:
                    message = await self._receive()
                    room -= len(message.get("body", b""))
                    self._complete = not message.get("more_body", False)
        except TimeoutError:
            return
