"""The quick way to read a record says what the plain one says, of our own headers and of any others."""

from types import SimpleNamespace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from shared.contracts.envelope import Envelope
from shared.handling.records import read_any_record, read_record

TOPIC_ID = "00000000-0000-0000-0000-000000000001"
NAMES = ("ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "content-type", "traceparent", "x")
TRACE = b"00-" + b"a1" * 16 + b"-" + b"b2" * 8 + b"-01"

instants = st.sampled_from(
    [
        "2026-01-05T10:00:00.123456Z",
        "2026-01-05T10:00:00Z",
        "2026-01-05T12:00:00+02:00",
        "2026-01-05",
        "",
        "soon",
        "\uff12026",
    ]
)
event_ids = st.uuids().flatmap(lambda made: st.sampled_from([str(made), str(made).upper(), made.hex, "", "7"]))
traces = st.sampled_from([None, TRACE, b"", b"junk"])
envelopes = st.builds(
    Envelope, event_ids, st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), instants, traces
)
odd_headers = st.lists(st.tuples(st.sampled_from(NAMES), st.none() | st.binary(max_size=6)), max_size=12)


def record_of(headers: Any, timestamp: int | None) -> Any:
    return SimpleNamespace(partition=3, offset=7, timestamp=timestamp, key=b"k", value=b"{}", headers=headers)


@given(envelopes, odd_headers, st.booleans(), st.none() | st.integers(-1, 2**40))
@example(Envelope(TOPIC_ID, "t", "s", "x", "2026-01-05T10:00:00Z", TRACE), [], False, 1)
@example(Envelope(TOPIC_ID, "t", "", "x", "2026-01-05T10:00:00Z"), [], False, 1)
def test_both_ways_read_the_same(envelope: Envelope, odd: Any, inbound: bool, timestamp: int | None) -> None:
    for headers in (envelope.headers(), [*envelope.headers(), *odd], [*odd, *envelope.headers()], odd):
        raw = record_of(headers, timestamp)
        plain = read_any_record(raw, "leads.captured.v1", TOPIC_ID, inbound=inbound)
        assert read_record(raw, "leads.captured.v1", TOPIC_ID, inbound=inbound) == plain
