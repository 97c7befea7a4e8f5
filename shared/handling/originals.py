"""Records inside commands: packed without a loss, and read again just as they were read the first time."""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from shared.contracts.commands.replay import OriginalRecord
from shared.contracts.ids import is_id
from shared.handling.records import Record, read_record

MAX_VALUE_BYTES: Final = 1_000_000
_DEFLATED_FROM: Final = 65_536
_NO_TIME: Final = 0


class UnreadableOriginal(ValueError):
    """What a command carries is no record."""


@dataclass(frozen=True, slots=True)
class _Raw:
    """What `read_record` wants of a fetched record."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def encoded(raw: bytes | None) -> str | None:
    """Bytes as base64 text."""
    return None if raw is None else b64encode(raw).decode()


def decoded(text: str | None) -> bytes | None:
    """Base64 text as bytes. Raises UnreadableOriginal; the error never repeats the text."""
    if text is None:
        return None
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise UnreadableOriginal("not base64") from None


def pack_original(
    *,
    topic: str,
    topic_id: str,
    partition: int,
    offset: int,
    timestamp: int,
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes]],
) -> OriginalRecord:
    """A record as a command carries it; a long value is compressed."""
    deflated = value is not None and len(value) >= _DEFLATED_FROM
    return OriginalRecord(
        topic=topic,
        topic_id=topic_id,
        partition=partition,
        offset=offset,
        timestamp=timestamp,
        key=encoded(key),
        value=encoded(zlib.compress(value, 6) if deflated and value is not None else value),
        deflated=deflated,
        headers=[(name, b64encode(held).decode()) for name, held in headers],
    )


def unpack_original(packed: OriginalRecord, *, inbound: bool) -> Record:
    """The record, with the event id and the time that it had. Raises UnreadableOriginal for what is none."""
    if not is_id(packed.topic_id):
        raise UnreadableOriginal("not a topic id")
    value = decoded(packed.value)
    headers = tuple((name, decoded(text)) for name, text in packed.headers)
    if packed.deflated and value is not None:
        value = _inflated(value)
    raw = _Raw(packed.partition, packed.offset, max(packed.timestamp, _NO_TIME), decoded(packed.key), value, headers)
    return read_record(raw, packed.topic, packed.topic_id, inbound=inbound)


def _inflated(value: bytes) -> bytes:
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(value, MAX_VALUE_BYTES)
    except zlib.error:
        raise UnreadableOriginal("not compressed") from None
    if not stream.eof:
        raise UnreadableOriginal("too large")
    return inflated
