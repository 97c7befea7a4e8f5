"""Whatever a record holds, it is sorted out without an error, and the books agree with a plain recount."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from services.reporting.domain.bundles import entries_of, pack, pack_kept, split, unpack
from services.reporting.domain.extract import plain_text, read_event
from services.reporting.domain.glance import LOOKS, glance, in_full
from services.reporting.domain.pages import PAGE, Pages, offsets_in
from services.reporting.domain.personal import join_lead, split_lead
from services.reporting.domain.rows import Rows
from services.reporting.domain.stages import BIT
from services.reporting.handlers.storing import sort_out
from shared.contracts.topics import EVENTS_INBOUND, TOPICS
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
    books = len(rows.received.bits) + len(rows.observed.bits)
    kept = books + len(rows.kept) + len(rows.events) + len(rows.parked)
    if event_type == "behaviour.settled" and not kept:
        assert len(rows.fates.bits) <= 1
        return
    refused = event_type == "lead.rejected" and topic != EVENTS_INBOUND and len(rows.events) == 1
    assert kept == 1 + refused
    for table in (rows.events, rows.outcomes, rows.final, rows.parked, [label for *_, label in rows.received.bits]):
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
    received = {
        (page.topic_id, page.partition, offset): page.label.source
        for page, bits in rows.received.in_order() for offset in offsets_in(page.page, bits)
    }  # fmt: skip
    outcomes = {
        row[:3]: row.outcome for row in [*rows.outcomes, *rows.final, *(k.outcome for k in rows.kept if k.outcome)]
    }
    counted = Counter((received[place], outcomes.get(place, "none")) for place in received)
    assert counted == Counter(fates) and outcomes.keys() <= received.keys()
    assert {k.stages for k in rows.kept} <= {BIT["captured"]} and len(rows.kept) == len(set(rows.kept))


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


OFFSETS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5 * PAGE) | st.integers(2**62, 2**63 - 1)), max_size=60)


@given(OFFSETS)
def test_pages_hold_what_was_marked_and_say_what_was_marked_before(marked: list[tuple[int, int]]) -> None:
    pages, seen = Pages(), set[tuple[int, int]]()
    for partition, offset in marked:
        assert pages.mark("topic", partition, offset) is ((partition, offset) not in seen)
        seen.add((partition, offset))
    held = [(page.partition, offset) for page, bits in pages.in_order() for offset in offsets_in(page.page, bits)]
    assert held == sorted(seen)


# What a source can put into a lead, made to look like the members that are looked for.
TRAPS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
    | st.sampled_from(['"origin":{', '"score":{"grade":"A"}', '\\"origin\\":', '{"outcome":"x",', "}", '"', "\\"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["origin", "score", "lead", "lead_id", "grade", "source", "inbound", "outcome", "x"]), inner,
        max_size=4),
    max_leaves=10,
)  # fmt: skip
EVENTS = ("captured", "scored", "routed", "converted", "changed")


STATES = st.sampled_from([None, "lead", "target", "expired", "later", 7, ["target"]])


@given(st.sampled_from(EVENTS), TRAPS, st.sampled_from("ABCD"), st.permutations(range(12)), st.booleans(), STATES)
def test_a_glance_sees_what_reading_in_full_does(
    kind: str, trap: Any, grade: str, order: list[int], shuffled: bool, state: Any
) -> None:
    """Whatever a source puts into a lead, and in whichever order the members of an event stand."""
    stream = Stream()
    inbound = stream.inbound()
    makers: dict[str, Callable[[], Record]] = {
        "captured": lambda: stream.captured(inbound, 1),
        "scored": lambda: stream.scored(inbound, 1, grade),
        "routed": lambda: stream.routed(inbound, 1),
        "converted": lambda: stream.converted(inbound, 1),
        "changed": lambda: stream.changed(1),
    }
    record = makers[kind]()
    data = orjson.loads(record.value or b"")
    lead = {"converted": "lead_snapshot", "changed": "later"}.get(kind, "lead")
    data.setdefault(lead, {})["extra"] = {"trap": trap, "origin": trap, "score": trap, "state": "target"}
    if state is not None:
        data[lead]["state"] = state
    if shuffled:
        members = list(data.items())
        data = dict(sorted(members, key=lambda member: order[members.index(member) % 12]))
    value = _dumped(data) if shuffled else orjson.dumps(data)
    assert record.type in LOOKS
    seen, full = glance(record.type, record.key, value), in_full(record.type, value)
    assert seen._replace(value=b"") == full._replace(value=b"")
    kept = read_event(record.type, orjson.loads(seen.value))
    assert kept == read_event(record.type, data)
    if kind in ("scored", "routed"):
        assert kept.personal is None and (shuffled or b"person1" not in seen.value)


@given(st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=30)), min_size=1, max_size=20))
def test_bundles_give_back_what_they_hold(events: list[tuple[int, bytes]]) -> None:
    stream, rows = Stream(), Rows()
    inbound = stream.inbound()
    for n, _ in events:
        sort_out(stream.captured(inbound, n), rows)
    kept = [k._replace(value=value) for k, (_, value) in zip(rows.kept, events, strict=True)]
    entries, body = entries_of(kept), pack_kept(kept).body
    assert unpack(body) == unpack(pack(entries)) == entries
    assert unpack(body, {lead_id(1)}) == [e for e in entries if e.lead_id == lead_id(1)]
    parted = split([k._replace(value=bytes(400_000)) for k in kept])
    leads = [{k.lead_id for k in part} for part in parted]
    assert sum(map(len, parted)) == len(kept) and sum(map(len, leads)) == len(set().union(*leads))
