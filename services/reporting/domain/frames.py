"""What reporting writes to a preview, piece by piece: a letter, a length of four bytes, and so many bytes.

The order is: one job, the leads that it is about with those that were merged into them, and then their past.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

JOB: Final = b"J"
"""What is asked, as JSON."""
LEADS: Final = b"L"
"""Lead ids of sixteen bytes each."""
MERGED: Final = b"M"
"""Pairs of lead ids: one that was merged away, and the one of the leads that it is now."""
BUNDLE: Final = b"B"
"""A bundle as it is stored (`bundles.pack`)."""
EVENT: Final = b"E"
"""An event that has a row of its own, as JSON: `type`, `lead_id`, `at`, `facts`, `personal`."""
_HEAD: Final = 5


class Frame(NamedTuple):
    """One piece."""

    kind: bytes
    body: bytes


class Source(Protocol):
    """Where bytes are read from: fewer than asked for mean the end."""

    def read(self, size: int, /) -> bytes: ...


def framed(kind: bytes, body: bytes) -> bytes:
    """A piece as it is written."""
    return b"%b%b%b" % (kind, len(body).to_bytes(4, "big"), body)


def frames(source: Source) -> Iterator[Frame]:
    """The pieces until the end. Raises EOFError where the last one was cut off."""
    while head := source.read(_HEAD):
        if len(head) < _HEAD:
            raise EOFError("a frame was cut off")
        size = int.from_bytes(head[1:], "big")
        body = source.read(size)
        if len(body) < size:
            raise EOFError("a frame was cut off")
        yield Frame(head[:1], body)
