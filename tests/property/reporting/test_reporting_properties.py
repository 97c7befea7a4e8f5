"""Whatever a record holds, it is sorted out without an error, and the books agree with a plain recount."""

import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.extract import plain_text
from services.reporting.domain.personal import join_lead, split_lead
from services.reporting.domain.rows import Rows
from services.reporting.handlers.storing import sort_out
from shared.contracts.topics import TOPICS
from shared.handling.records import Record
from tests.support.reporting import Stream, lead_id

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
TYPES = st.sampled_from([*{t for topic in TOPICS.values() for t in topic.event_types}, "", "x\x00"])
PARTS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("lead", "origin", "score", "assignment", "outcome", "code", "lead_id"), JSON),
)
HEADERS = st.lists(st.tuples(st.sampled_from(["dlq-original-topic", "dlq-original-offset", "dlq-reason", "x"]),
                             st.none() | st.binary(max_size=8)), max_size=4)  # fmt: skip


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


@given(
    st.sampled_from([*TOPICS]), TYPES, st.none() | st.binary(max_size=40) | PARTS.map(_dumped),
    HEADERS, st.none() | st.binary(max_size=8), st.integers(-(2**62), 2**62), st.text(max_size=30),
)  # fmt: skip
def test_every_record_is_sorted_out(
    topic: str, event_type: str, value: bytes | None, headers: Any, key: bytes | None, timestamp: int, time: str
) -> None:
    record = Record(
        topic, lead_id(1), 0, 0, timestamp, key, value, tuple(headers), lead_id(2), event_type, "a\x00b", "", time
    )
    rows = Rows()
    sort_out(record, rows)
    kept = len(rows.inbound) + len(rows.events) + len(rows.parked)
    assert kept == 1 + (event_type == "lead.rejected" and len(rows.events) == 1)
    for table in (rows.inbound, rows.events, rows.outcomes, rows.parked):
        assert not any("\x00" in part for row in table for part in row if isinstance(part, str))


@given(st.dictionaries(st.sampled_from(["email", "title", "company", "address", "extra", "first_touch", "new"]), JSON))
def test_nothing_of_a_lead_is_lost_between_its_parts(lead: dict[str, Any]) -> None:
    facts, personal = split_lead(lead)
    assert _full(join_lead(facts, personal)) == _full(lead)
    assert not {"email", "extra", "new"} & set(facts)


def _full(lead: dict[str, Any]) -> dict[str, Any]:
    """Without empty values and, one level down, without null ones: neither is kept."""
    nested = {"company", "address", "first_touch"}
    inner = {k: {n: p for n, p in v.items() if p is not None} if k in nested and isinstance(v, dict) else v
             for k, v in lead.items()}  # fmt: skip
    return {name: value for name, value in inner.items() if value is not None and value != [] and value != {}}


FATES = st.lists(st.tuples(st.sampled_from(["ads", "web"]), st.sampled_from(
    ["new", "merged", "rejected", "dead_lettered", "test", "quarantined", "none"])), max_size=25)  # fmt: skip


@given(FATES, st.data())
def test_the_rows_of_any_delivery_hold_every_record_once(fates: list[tuple[str, str]], data: st.DataObject) -> None:
    """Repeats, and outcomes before their records, add no row with a new key: the sums are exact."""
    stream, records = Stream(), list[Record]()
    for n, (source, fate) in enumerate(fates):
        inbound = stream.inbound(source)
        records += [inbound, *_outcome(stream, inbound, n, fate)]
    repeated = data.draw(st.lists(st.sampled_from(records), max_size=10)) if records else []
    rows = Rows()
    for record in data.draw(st.permutations([*records, *repeated])):
        sort_out(record, rows)
    received = {row[:3]: row.source for row in rows.inbound}
    outcomes = {row[:3]: row.outcome for row in rows.outcomes}
    counted = Counter((received[place], outcomes.get(place, "none")) for place in received)
    assert counted == Counter(fates) and outcomes.keys() <= received.keys()
    assert {row.stage for row in rows.stages} <= {"captured"}


def _outcome(stream: Stream, inbound: Record, n: int, fate: str) -> list[Record]:
    match fate:
        case "new" | "merged":
            return [stream.captured(inbound, n, fate)]
        case "rejected":
            return [stream.rejected(inbound)]
        case "dead_lettered":
            return [stream.dead_letter(inbound)]
        case "none":
            return []
        case _:
            return [stream.settled(inbound, fate, "because")]


@given(st.text())
def test_plain_text_can_be_stored(text: str) -> None:
    assert "\x00" not in plain_text(text) and len(plain_text(text)) <= 200
