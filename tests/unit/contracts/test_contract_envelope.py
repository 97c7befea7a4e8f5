"""The envelope against the table of CloudEvents 1.0's Kafka binding (binary mode), by hand."""

from types import SimpleNamespace

import pytest

from shared.contracts.envelope import Envelope, header_map, rfc3339, trace_context
from shared.contracts.generate.schemas import ENVELOPE
from shared.handling.records import read_record

EVENT_ID = "0f0e8f4e-9f0c-5a44-8f6f-6f1f4f6f9a01"
ENVELOPE_OF_A_LEAD = Envelope(
    event_id=EVENT_ID,
    type="lead.captured",
    source="leadstream/capture",
    subject="5b1c2d3e-0000-5000-8000-000000000001",
    time="2026-01-05T10:00:00.123456Z",
    traceparent=b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)

# Attribute of the specification (REQUIRED ones first), header in binary mode, value of ours.
BINDING = [
    ("id", "ce_id", EVENT_ID),
    ("source", "ce_source", "leadstream/capture"),
    ("specversion", "ce_specversion", "1.0"),
    ("type", "ce_type", "lead.captured"),
    ("subject", "ce_subject", "5b1c2d3e-0000-5000-8000-000000000001"),
    ("time", "ce_time", "2026-01-05T10:00:00.123456Z"),
    # datacontenttype is the one attribute without the prefix.
    ("datacontenttype", "content-type", "application/json"),
    # Trace context travels by its own header, not as the extension.
    ("traceparent", "traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
]


@pytest.mark.parametrize(("attribute", "header", "value"), BINDING)
def test_each_attribute_has_its_header(attribute: str, header: str, value: str) -> None:
    assert dict(ENVELOPE_OF_A_LEAD.headers())[header] == value.encode()


def test_there_is_no_other_header_and_none_twice() -> None:
    names = [name for name, _ in ENVELOPE_OF_A_LEAD.headers()]
    assert sorted(names) == sorted(header for _, header, _ in BINDING)


def test_without_a_trace_there_is_no_trace_header() -> None:
    names = {name for name, _ in Envelope(EVENT_ID, "t", "s", "x", "2026-01-05T10:00:00Z").headers()}
    assert names == set(ENVELOPE["required"])


def test_the_published_header_schema_names_the_same_headers() -> None:
    assert set(ENVELOPE["properties"]) == {header for _, header, _ in BINDING}


def test_what_was_written_is_read() -> None:
    raw = SimpleNamespace(
        partition=3, offset=7, timestamp=1, key=b"k", value=b"{}", headers=tuple(ENVELOPE_OF_A_LEAD.headers())
    )
    record = read_record(raw, "leads.captured.v1", "00000000-0000-0000-0000-000000000001", inbound=False)
    read = Envelope(record.event_id, record.type, record.source, record.subject, record.time, record.traceparent)
    assert read == ENVELOPE_OF_A_LEAD
    assert record.fault is None


def test_null_headers_are_left_out_and_the_first_of_two_counts() -> None:
    assert header_map([("a", b"1"), ("b", None), ("a", b"2")]) == {"a": b"1"}


def test_instants_are_written_in_utc() -> None:
    from datetime import datetime, timedelta, timezone

    assert rfc3339(datetime(2026, 1, 5, 12, tzinfo=timezone(timedelta(hours=2)))) == "2026-01-05T10:00:00Z"
    assert rfc3339(datetime(2026, 1, 5, 12)) == "2026-01-05T12:00:00Z"


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"junk",
        b"\x00\xff" * 1000,
        b"00-" + b"0" * 52,
        b"ann@example.com",
        b"00-" + b"A" * 32 + b"-" + b"0" * 16 + b"-01",
    ],
)
def test_only_a_trace_context_is_carried_along(given: bytes) -> None:
    real = b"00-" + b"a1" * 16 + b"-" + b"b2" * 8 + b"-01"
    assert trace_context(given) is None
    assert trace_context(real) == real
