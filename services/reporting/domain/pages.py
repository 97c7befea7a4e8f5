"""Sets of records by their coordinates, a bit an offset, so that a few hundred rows say what millions of records are."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

PAGE: Final = 2048
"""Offsets of a page; the columns of the tables are `bit(2048)`."""
_SHIFT: Final = PAGE.bit_length() - 1
_BYTES: Final = PAGE // 8
EMPTY: Final = bytes(_BYTES)


class Page(NamedTuple):
    """Which page: 2,048 offsets of a partition. `label` tells apart what is kept of the same offsets."""

    topic_id: str
    partition: int
    page: int
    label: Any = None


@dataclass(slots=True)
class Pages:
    """Records that a batch marks. The first bit of a page is that of its first offset, as Postgres counts."""

    bits: dict[tuple[str, int, int, Any], bytearray] = field(default_factory=dict)

    def mark(self, topic_id: str, partition: int, offset: int, label: Any = None) -> bool:
        """Mark a record; False where it was marked before."""
        key = (topic_id, partition, offset >> _SHIFT, label)
        bits = self.bits.get(key)
        if bits is None:
            bits = self.bits[key] = bytearray(_BYTES)
        byte, bit = offset >> 3 & _BYTES - 1, 128 >> (offset & 7)
        if bits[byte] & bit:
            return False
        bits[byte] |= bit
        return True

    def in_order(self) -> list[tuple[Page, bytes]]:
        """Pages in the order in which their rows are locked."""
        return [(Page(*key), bytes(bits)) for key, bits in sorted(self.bits.items())]


def offsets_in(page: int, bits: bytes) -> Iterator[int]:
    """The offsets that are marked on a page, ascending."""
    first = page << _SHIFT
    for place, byte in enumerate(bits):
        if byte:
            yield from (first + 8 * place + n for n in range(8) if byte & 128 >> n)
