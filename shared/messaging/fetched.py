"""Fetched bytes to records: quickly, and also those whose header names are not UTF-8.

aiokafka raises out of the fetch for one of these: nobody could dead-letter it, and its partition would stand still for
ever. The lenient reading happens only for the batch that needs it.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH: Final = slice(8, 12)
_OVERHEAD: Final = 12
_MAGIC: Final = 16


class _Name(bytes):
    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        return super().decode(encoding, "backslashreplace")


class _Lenient(bytearray):
    """A buffer whose slices decode whatever they hold; aiokafka decodes nothing but header names."""

    def __getitem__(self, place: Any) -> Any:
        found = super().__getitem__(place)
        return _Name(found) if isinstance(place, slice) else found


class _Batch:
    """aiokafka's batch; its records are read at once, so that an unreadable one costs none of those before it."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            return iter(_leniently(self._raw))


def _leniently(raw: memoryview) -> list[Any]:
    batch = _DefaultRecordBatchPy(raw)
    batch._maybe_uncompress()
    batch._buffer = _Lenient(batch._buffer)
    return list(batch)


class FetchedRecords:
    """aiokafka's `MemoryRecords`, which remembers where each batch began."""

    def __init__(self, data: Any) -> None:
        self._records = MemoryRecords(data)
        self._rest = memoryview(data)

    def size_in_bytes(self) -> int:
        """See aiokafka."""
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        """See aiokafka."""
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        """See aiokafka."""
        batch = self._records.next_batch()
        if batch is None:
            return None
        end = _OVERHEAD + int.from_bytes(self._rest[_LENGTH], "big")
        raw, self._rest = self._rest[:end], self._rest[end:]
        return _Batch(batch, raw) if raw[_MAGIC] >= 2 else batch


class Fetched(NamedTuple):
    """What we read of aiokafka's `ConsumerRecord`, under the same names, made in a third of the time."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class _PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """aiokafka's, iterated without a call for each record, and without deserialisers, which nobody here has."""

    def __iter__(self) -> Iterator[Fetched]:
        return self._records_iterator or iter(())

    def _consumer_record(self, tp: TopicPartition, record: Any) -> Fetched:
        fields = (tp.topic, tp.partition, record.offset, record.timestamp, record.key, record.value, record.headers)
        return tuple.__new__(Fetched, fields)


def read_quickly() -> None:
    """Make every aiokafka consumer of this process read by `FetchedRecords`, and hand over `Fetched`."""
    fetcher.MemoryRecords = FetchedRecords
    fetcher.PartitionRecords = _PartitionRecords
