"""The register beside what the services really read, with which groups, and publish."""

import importlib

import pytest

from shared.contracts.generate.asyncapi import groups, owners
from shared.contracts.topics import ACCESS_GRANTED, SERVICES, TOPICS
from shared.runtime.service import Service


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service as its main builds it; nothing is started."""
    monkeypatch.setenv("LEADSTREAM_SECRET", "a secret of this test")
    built = importlib.import_module(f"services.{request.param}.main").build_app().state.service
    assert isinstance(built, Service)
    return built


def test_what_a_service_reads_is_registered_with_its_group(service: Service) -> None:
    for subscription in service.subscriptions:
        for name in subscription.topics:
            assert service.name in TOPICS[name].consumers, name
            assert subscription.group in groups(service.name, TOPICS[name]), name


def test_what_is_registered_as_read_by_a_service_is_read(service: Service) -> None:
    """The keys apart: each process reads them by itself, without a group."""
    read = {name for subscription in service.subscriptions for name in subscription.topics} | {ACCESS_GRANTED}
    registered = [name for name, topic in TOPICS.items() if service.name in topic.consumers]
    assert [name for name in registered if name not in read] == []


def test_what_a_service_handles_is_carried_by_its_topics(service: Service) -> None:
    for subscription in service.subscriptions:
        carried = {kind for name in subscription.topics for kind in TOPICS[name].event_types}
        assert set(subscription.handlers) <= carried


def test_what_a_service_publishes_is_registered_as_its_own(service: Service) -> None:
    assert [name for name in service.publishes if service.name not in owners(TOPICS[name])] == []


def test_no_record_of_a_spine_topic_is_left_unread(service: Service) -> None:
    """Topics that a service of the spine exists for."""
    read = {name for subscription in service.subscriptions for name in subscription.topics}
    spine = {"capture": "leads.inbound.v1", "scoring": "leads.captured.v1", "routing": "leads.scored.v1"}
    spine |= {"conversion": "leads.routed.v1", "reporting": "opportunities.converted.v1"}
    assert spine[service.name] in read
