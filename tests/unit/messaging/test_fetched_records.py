"""Records whose header names are not UTF-8 are read like any other, in every codec."""

import struct
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher
from aiokafka.errors import ConsumerStoppedError, CorruptRecordException, KafkaConnectionError, OffsetOutOfRangeError
from aiokafka.record.default_records import DefaultRecordBatchBuilder, _DefaultRecordBatchBuilderPy
from aiokafka.record.util import calc_crc32c

from shared.messaging.consumer import MemberConsumer
from shared.messaging.fetched import FetchedRecords

_CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


class _BadName(str):
    """A header name that goes out as other bytes than it should."""

    def encode(self, *_: Any) -> bytes:
        return b"\xff\xfe\x00\x80\xc3("


def _batch(names: list[str], codec: int = 0, *, builder: Any = _DefaultRecordBatchBuilderPy) -> bytes:
    made = builder(
        magic=2,
        compression_type=codec,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1_000_000,
    )
    for offset, name in enumerate(names):
        made.append(offset, 1_000, b"key", b"value-%d" % offset, [(name, b"v"), ("ce_source", b"website")])
    return bytes(made.build())


def _read(data: bytes) -> list[Any]:
    records, found = FetchedRecords(data), []
    while records.has_next():
        batch = records.next_batch()
        assert batch.validate_crc()
        found += list(batch)
    return found


@pytest.mark.parametrize("codec", _CODECS.values(), ids=_CODECS)
def test_a_header_name_that_is_not_utf8_costs_no_record(codec: int) -> None:
    good, bad = _batch(["a", "b"], codec), _batch(["c", _BadName("x"), "d"], codec)
    found = _read(good + bad + good)
    assert [record.value for record in found] == [
        b"value-0", b"value-1", b"value-0", b"value-1", b"value-2", b"value-0", b"value-1",
    ]  # fmt: skip
    assert dict(found[3].headers) == {"\\xff\\xfe\x00\\x80\\xc3(": b"v", "ce_source": b"website"}
    assert found[3].key == b"key"


def test_ordinary_batches_are_read_as_aiokafka_reads_them() -> None:
    data = _batch(["a", "b"], builder=DefaultRecordBatchBuilder)
    found = _read(data)
    assert [(record.offset, record.timestamp, record.headers[0][0]) for record in found] == [
        (0, 1_000, "a"),
        (1, 1_000, "b"),
    ]
    assert FetchedRecords(data).size_in_bytes() == len(data)


def test_a_batch_that_was_cut_off_is_not_read() -> None:
    data = _batch(["a"])
    assert len(_read(data + data[:-3])) == 1


def test_a_damaged_batch_is_still_refused() -> None:
    damaged = bytearray(_batch([_BadName("x")]))
    damaged[61] += 2  # the length of the first record
    struct.pack_into(">I", damaged, 17, calc_crc32c(bytes(damaged[21:])))
    with pytest.raises(CorruptRecordException):
        _read(bytes(damaged))


def test_every_consumer_of_the_process_reads_this_way() -> None:
    assert fetcher.MemoryRecords is FetchedRecords


@pytest.mark.parametrize(
    "error", [CorruptRecordException(), RuntimeError(), UnicodeDecodeError("utf-8", b"", 0, 1, "")]
)
async def test_when_a_fetch_cannot_be_taken_apart_nothing_more_is_consumed(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise error

    class _Idle(Exception):
        pass

    async def idle(_: MemberConsumer) -> None:
        raise _Idle

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", fail)
    monkeypatch.setattr(MemberConsumer, "_idle_without_fetching", idle)
    consumer, told = MemberConsumer(group_id="g"), []
    consumer.on_untaken = lambda: told.append(True)
    with pytest.raises(_Idle):
        await consumer.getmany()
    assert consumer.halted
    assert told


@pytest.mark.parametrize("error", [KafkaConnectionError(), OffsetOutOfRangeError({}), ConsumerStoppedError()])
async def test_an_outage_is_left_to_the_shell(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(AIOKafkaConsumer, "getmany", fail)
    consumer = MemberConsumer(group_id="g")
    with pytest.raises(type(error)):
        await consumer.getmany()
    assert not consumer.halted
