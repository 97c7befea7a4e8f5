"""Of the lanes that read one topic, one answers for what nobody can read: one such record is one dead letter."""

from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.behaved import BehavedLead
from services.scoring.journeys.subscribers import journeys_lane
from services.scoring.segments.subscribers import segments_lane
from services.scoring.subscribers import subscriptions
from shared.contracts.topics import LEAD_EVENTS, SCORING_COMMANDS, TOPICS
from shared.handling.outcomes import Rejected, Skipped
from shared.messaging.subscription import Subscription
from shared.messaging.verdicts import answered_for, is_unreadable, of_no_known_type, validated
from tests.support.scoring import Log


def lanes() -> list[Subscription]:
    nothing: Any = None
    beside = [
        segments_lane(nothing, nothing, max_records=1, pause_lag=0),
        journeys_lane(nothing, nothing, max_records=1, pause_lag=0),
    ]
    return subscriptions(nothing, nothing, nothing, nothing, (), beside, max_records=1)


def test_one_lane_answers_for_each_topic() -> None:
    answering = Counter(topic for lane in lanes() for topic in lane.topics if topic not in lane.shared)
    assert {topic for lane in lanes() for topic in lane.topics} == set(answering)
    assert set(answering.values()) == {1}


def test_the_others_pass_it_over() -> None:
    record: Any = type("R", (), {"type": "", "topic": SCORING_COMMANDS})()
    reading = [lane for lane in lanes() if SCORING_COMMANDS in lane.topics]
    said = Counter(type(of_no_known_type(record, lane)) for lane in reading)
    assert said == {Rejected: 1, Skipped: len(reading) - 1}


def test_of_each_type_that_several_lanes_read_one_answers_for_unreadable_values() -> None:
    """Also where it comes on the topic of only some of them: who passes a record over rests on one who reads it there."""
    reading: dict[str, list[Subscription]] = {}
    for lane in lanes():
        for event_type, handled in lane.handlers.items():
            if handled.contract is not None:
                reading.setdefault(event_type, []).append(lane)
    for event_type, among in reading.items():
        (answering,) = [lane for lane in among if event_type not in lane.answered]
        carrying = {topic.name for topic in TOPICS.values() if event_type in topic.event_types}
        for lane in among:
            assert carrying & set(lane.topics) <= set(answering.topics), (event_type, lane.group)
    assert all(lane.answered <= lane.handlers.keys() and not lane.decisions for lane in lanes() if lane.answered)


BEHAVED = {
    "lead_id": "018f0000-0000-7000-8000-000000000001",
    "kind": "page.viewed",
    "occurred_at": "2026-01-05T10:00:00Z",
}
READERS = [(lane, event_type) for lane in lanes() for event_type in (BehavedLead.TYPE,) if event_type in lane.handlers]
damage = st.sampled_from([b"", b"{", b"}", b"[", b'"', b"\\ud800", b"\xff", b"NaN", b",", b"1e999", b"\x00", b":"])


@given(st.integers(0, 120), st.integers(0, 12), damage)
def test_what_nobody_can_read_no_lane_reads(at: int, left_out: int, put_in: bytes) -> None:
    """Else the lane that passes it over would lose what the one that answers takes."""
    written = orjson.dumps({**BEHAVED, "properties": {"a": [1, "x"]}})
    record: Any = replace_value(written[:at] + put_in + written[at + left_out :])
    read = [not isinstance(validated(record, lane.handlers[each]), Rejected) for lane, each in READERS]
    assert not (is_unreadable(record) and any(read))


@pytest.mark.parametrize("value", [b"", None, b"nonsense", b"[]", b"7", b"null", b'{"a": 1', b'{"a": 1e999}'])
def test_an_unreadable_value_is_one_letter(value: bytes | None) -> None:
    assert verdicts(value) == {Rejected: 1, Skipped: len(READERS) - 1}


def test_what_only_contracts_refuse_is_a_letter_of_each_lane() -> None:
    assert verdicts(b"{}") == {Rejected: len(READERS)}
    assert verdicts(orjson.dumps({**BEHAVED, "topics": 7})) == {Rejected: 1, BEHAVED["kind"]: len(READERS) - 1}


def verdicts(value: bytes | None) -> Counter[Any]:
    record = replace_value(value)
    found: Counter[Any] = Counter()
    for lane, event_type in READERS:
        read = validated(record, lane.handlers[event_type])
        is_refused = isinstance(read, Rejected)
        found[type(answered_for(record, read, lane)) if is_refused else read.kind] += 1
    return found


def replace_value(value: bytes | None) -> Any:
    return Log().record(LEAD_EVENTS, BehavedLead.TYPE, b"")._replace(value=value)
