"""Of the lanes that read one topic, one answers for records without a type: one such record is one dead letter."""

from collections import Counter
from typing import Any

from services.scoring.journeys.subscribers import journeys_lane
from services.scoring.segments.subscribers import segments_lane
from services.scoring.subscribers import subscriptions
from shared.contracts.topics import SCORING_COMMANDS
from shared.handling.outcomes import Rejected, Skipped
from shared.messaging.subscription import Subscription
from shared.messaging.verdicts import of_no_known_type


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
