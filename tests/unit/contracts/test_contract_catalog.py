"""The catalogue knows every type of the register, and no other."""

import pytest

from services.capture.domain.submission import Submission
from shared.contracts.base import Contract
from shared.contracts.catalog import ANY_TYPE, COMMANDS, CONTRACTS, EVENTS, RESERVED, SUBMISSIONS, is_command_topic
from shared.contracts.commands.capture import LeadSubmitted
from shared.contracts.topics import COMMAND_TOPICS, SERVICES, TOPICS

REGISTERED = {kind for topic in TOPICS.values() for kind in topic.event_types} - {ANY_TYPE}


def test_every_registered_type_has_its_model_and_the_other_way_round() -> None:
    assert set(CONTRACTS) == REGISTERED


def test_the_three_families_share_no_type() -> None:
    assert len(CONTRACTS) == len(SUBMISSIONS) + len(COMMANDS) + len(EVENTS)


def test_commands_stand_on_command_topics_and_events_do_not() -> None:
    for topic in TOPICS.values():
        for kind in set(topic.event_types) - {ANY_TYPE}:
            assert (kind in COMMANDS) == is_command_topic(topic.name)


@pytest.mark.parametrize(("event_type", "model"), CONTRACTS.items())
def test_a_model_carries_its_type(event_type: str, model: type[Contract]) -> None:
    assert getattr(model, "TYPE", event_type) == event_type
    assert (model.__doc__ or "").strip()


def test_each_model_has_one_type() -> None:
    assert len(set(CONTRACTS.values())) == len(CONTRACTS)


def test_reserved_types_are_registered() -> None:
    assert set(CONTRACTS) >= RESERVED


@pytest.mark.parametrize("event_type", EVENTS)
def test_events_are_a_noun_and_a_past_verb(event_type: str) -> None:
    noun, _, verb = event_type.partition(".")
    assert noun and verb.endswith("ed")


def test_every_topic_is_owned_and_read_by_services_that_exist() -> None:
    known = {*SERVICES, "downstream systems", "every service"}
    for topic in TOPICS.values():
        assert set(topic.owner.split(", ")) <= known
        assert set(topic.consumers) <= known


def test_every_service_has_a_command_topic() -> None:
    assert set(COMMAND_TOPICS) == set(SERVICES)


def test_the_documented_submission_has_the_fields_that_capture_reads() -> None:
    assert set(LeadSubmitted.model_fields) == set(Submission.__annotations__)


@pytest.mark.parametrize("model", CONTRACTS.values())
def test_a_validation_error_never_shows_the_value(model: type[Contract]) -> None:
    assert model.model_config.get("hide_input_in_errors") is True
