"""What a running service tells although it works: topics that changed under it, records that were gone."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from shared.contracts.topics import ROUTED, SCORED, TOPICS
from shared.messaging.admin import TopicFound
from shared.messaging.lane import LaneState
from shared.runtime.service import Service
from shared.runtime.settings import ServiceSettings


@pytest.fixture
def service() -> Service:
    return Service("routing", ServiceSettings(), publishes=(SCORED, ROUTED))


def found(service: Service, **partitions: int) -> dict[str, TopicFound]:
    spine = service.settings.names.spine_partitions
    counts = {name: TOPICS[name].partition_count(spine) for name in service._topics_needed()}
    return {name: TopicFound("id", n) for name, n in {**counts, **partitions}.items()}


def test_partitions_that_were_added_are_told_once_and_until_they_are_right(service: Service) -> None:
    service.note_topics(found(service))
    assert service.warnings() == []
    with capture_logs() as logs:
        for _ in range(2):
            service.note_topics(found(service, **{SCORED: 99}))
    (warning,) = service.warnings()
    assert f"{SCORED} has 99 partitions, not " in warning
    assert [entry["event"] for entry in logs] == ["topics_changed"]
    service.note_topics(found(service))
    assert service.warnings() == []


def test_a_topic_that_is_missing_is_told(service: Service) -> None:
    left = found(service)
    del left[SCORED]
    service.note_topics(left)
    assert service.warnings() == [f"topics missing: {SCORED}; run `leadstream topics apply`"]


def test_records_that_were_gone_are_told_with_their_count(service: Service) -> None:
    lane = SimpleNamespace(state=LaneState(), subscription=SimpleNamespace(group="routing"))
    service.lanes.append(cast(Any, lane))
    lane.state.gone[SCORED] += 20
    assert service.warnings() == [
        f"20 records of {SCORED} were deleted before routing had read them: retention ran out"
    ]
