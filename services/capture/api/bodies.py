"""Bodies of requests within limits of size and time, also compressed ones."""

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Final, Protocol

from fastapi import Request
from starlette.requests import ClientDisconnect

from services.capture.domain.reading import media_type
from shared.runtime.problems import Problem

# What stays of a body that was refused is not read: the connection cannot be used again.
_CLOSE: Final = {"Connection": "close"}
_DISCARD_BYTES: Final = 8_388_608
_DISCARD_S: Final = 1.0
_LONGEST_TYPE: Final = 200
_NO_TYPE: Final = "application/octet-stream"


class _Decoder(Protocol):
    def take(self, chunk: bytes, room: int) -> bytes: ...
    def end(self) -> None: ...


class _Plain:
    def take(self, chunk: bytes, room: int) -> bytes:
        return chunk

    def end(self) -> None:
        return


class _Gzip:
    """Inflates no more than asked for, so that a bomb costs the limit and not its size."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(31)

    def take(self, chunk: bytes, room: int) -> bytes:
        try:
            return self._inflate.decompress(chunk, room)
        except zlib.error as error:
            raise _invalid_encoding() from error

    def end(self) -> None:
        if not self._inflate.eof or self._inflate.unused_data:
            raise _invalid_encoding()


def _invalid_encoding() -> Problem:
    return Problem(400, "invalid_encoding", "The body is not one gzip stream.", field="content-encoding")


async def read_body(request: Request, *, limit: int, timeout_s: float) -> bytes:
    """The body. Raises problems: 413 beyond `limit` bytes (inflated ones too), 408 when it takes too long."""
    chunks = request.stream()
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        await _discard(chunks)
        raise _too_large(limit)
    decoder = _decoder(request)
    try:
        async with asyncio.timeout(timeout_s):
            return await _collect(chunks, decoder, limit)
    except TimeoutError as error:
        detail = f"The body did not arrive within {timeout_s:.0f} s."
        raise Problem(408, "body_too_slow", detail, headers=_CLOSE) from error
    except ClientDisconnect as error:
        raise Problem(400, "incomplete_body", "The body ended early.", headers=_CLOSE) from error


async def _collect(chunks: AsyncIterator[bytes], decoder: _Decoder, limit: int) -> bytes:
    parts: list[bytes] = []
    room = limit
    async for chunk in chunks:
        part = decoder.take(chunk, room + 1)
        room -= len(part)
        if room < 0:
            await _discard(chunks)
            raise _too_large(limit)
        parts.append(part)
    decoder.end()
    return b"".join(parts)


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    """Take some more of a body that is refused: closed at once, most clients would see a reset and not the answer."""
    size = 0
    try:
        async with asyncio.timeout(_DISCARD_S):
            async for chunk in chunks:
                size += len(chunk)
                if size > _DISCARD_BYTES:
                    return
    except (TimeoutError, ClientDisconnect):
        return


def _decoder(request: Request) -> _Decoder:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "gzip":
        return _Gzip()
    if encoding == "identity":
        return _Plain()
    raise Problem(415, "unsupported_encoding", "Bodies are plain or gzip.", field="content-encoding", headers=_CLOSE)


def _too_large(limit: int) -> Problem:
    return Problem(413, "too_large", f"A body may have {limit} bytes.", headers=_CLOSE)


def stated_type(request: Request, allowed: frozenset[str]) -> str:
    """The media type where it is one of these, else what the request calls it: to be stored, and refused by whoever reads."""
    stated = request.headers.get("content-type", "").strip()
    essence = media_type(stated)
    if essence in allowed:
        return essence
    return stated if 0 < len(stated) <= _LONGEST_TYPE else _NO_TYPE


def content_type(request: Request, allowed: frozenset[str]) -> str:
    """The media type of the request. Raises a 415 problem for others, and for a charset other than UTF-8."""
    essence = media_type(request.headers.get("content-type", ""))
    if essence is None or essence not in allowed:
        names = ", ".join(sorted(allowed))
        detail = f"Send {names}, in UTF-8."
        raise Problem(415, "unsupported_content_type", detail, field="content-type", headers=_CLOSE)
    return essence
