"""A record in a command is the record: whatever its bytes, it is read again just as it was the first time."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.commands.replay import OriginalRecord
from shared.handling.originals import MAX_VALUE_BYTES, UnreadableOriginal, encoded, pack_original, unpack_original
from shared.handling.records import read_record

TOPIC_ID = "11111111-2222-4333-8444-555555555555"
HEADERS = st.lists(
    st.tuples(st.sampled_from(["ce_id", "ce_source", "ce_type", "ce_time", "x-own", "ls_row"]), st.binary(max_size=40)),
    max_size=8,
)


@given(
    st.none() | st.binary(max_size=300),
    st.none() | st.binary(max_size=300),
    HEADERS,
    st.booleans(),
    st.integers(1, 400),
)
def test_a_record_comes_back_as_it_was(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]], inbound: bool, times: int
) -> None:
    value = None if value is None else value * times  # long ones are compressed
    raw = SimpleNamespace(
        partition=3, offset=9, timestamp=1_767_607_200_000, key=key, value=value, headers=tuple(headers)
    )
    first = read_record(raw, "leads.inbound.v1", TOPIC_ID, inbound=inbound)
    packed = pack_original(
        topic=first.topic, topic_id=TOPIC_ID, partition=3, offset=9, timestamp=raw.timestamp, key=key, value=value,
        headers=headers,
    )  # fmt: skip
    again = OriginalRecord.model_validate_json(packed.model_dump_json())
    assert unpack_original(again, inbound=inbound) == first


@pytest.mark.parametrize(
    "wrong",
    [
        {"value": "?"},
        {"value": "YQ==", "deflated": True},
        {"key": "é"},
        {"topic_id": "what"},
        {"headers": [["a", "?"]]},
    ],
)
def test_what_is_no_record_is_refused_without_its_bytes(wrong: dict[str, object]) -> None:
    good = {"topic": "t", "topic_id": TOPIC_ID, "partition": 0, "offset": 0, "timestamp": 0}
    with pytest.raises(UnreadableOriginal):
        unpack_original(OriginalRecord.model_validate({**good, **wrong}), inbound=True)


def test_a_bomb_is_not_inflated() -> None:
    import zlib

    bomb = zlib.compress(b"0" * (MAX_VALUE_BYTES + 1))
    record = OriginalRecord(
        topic="t", topic_id=TOPIC_ID, partition=0, offset=0, timestamp=0, value=encoded(bomb), deflated=True
    )
    with pytest.raises(UnreadableOriginal):
        unpack_original(record, inbound=True)
