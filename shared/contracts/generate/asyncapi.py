"""AsyncAPI 3.0 from the topic register and the models: what downstream teams read, and generators take."""

from collections.abc import Mapping
from typing import Any, Final

from shared.contracts.catalog import ANY_TYPE, CONTRACTS, RESERVED, is_command_topic, schema_name
from shared.contracts.generate.schemas import DEAD_LETTER_HEADERS, ENVELOPE, INBOUND_ENVELOPE, component_schemas
from shared.contracts.topics import (
    CONVERTED,
    EVENTS_INBOUND,
    INBOUND_BULK,
    JOURNEYS,
    LEAD_EVENTS,
    MERGED,
    REPORTING_COMMANDS,
    SCORED,
    SCORING_COMMANDS,
    SERVICES,
    TOPICS,
    Topic,
)

# Of the contracts, not of the code: the major version is the topics' `.v1`.
CONTRACTS_VERSION: Final = "1.0.0"
_BINDING: Final = "0.5.0"
_DEAD_LETTER: Final = "dead-letter.v1"
# Where a service reads a topic in lanes of their own, instead of in the one that has its name.
_LANES: Final[Mapping[tuple[str, str], list[str]]] = {
    ("capture", INBOUND_BULK): ["capture-bulk"],
    ("capture", EVENTS_INBOUND): ["capture-behaviour"],
    ("capture", CONVERTED): ["capture-conversions"],
    ("scoring", LEAD_EVENTS): ["scoring-behaviour", "scoring-segments", "scoring-journeys"],
    ("scoring", SCORED): ["scoring-segments"],
    ("scoring", MERGED): ["scoring", "scoring-segments"],
    ("scoring", SCORING_COMMANDS): ["scoring", "scoring-segments", "scoring-journeys"],
    ("scoring", JOURNEYS): ["scoring-journeys"],
    ("scoring", CONVERTED): ["scoring-segments", "scoring-journeys"],
    ("reporting", REPORTING_COMMANDS): ["reporting", "reporting-commands"],
}
_DESCRIPTION: Final = (
    "Leads in, owned and scored opportunities out, as a stream: five services that meet on Kafka topics only. "
    "Every record carries CloudEvents headers and a JSON value. Read with `isolation.level=read_committed`. "
    "Within a version, fields are only added; ignore those that you do not know. "
    "The name of a topic may be prefixed in a deployment."
)
_PROMISES: Final[dict[str, str]] = {
    "capture": "Takes submissions, normalises, finds who it is: one lead a person",
    "scoring": "Scores leads and says why",
    "routing": "Finds an owner or a queue and says why",
    "conversion": "Makes accounts, contacts and opportunities of leads",
    "reporting": "Keeps history, ledger and counts",
}


def asyncapi_document(topics: Mapping[str, Topic] = TOPICS) -> dict[str, Any]:
    """The whole document."""
    payloads, schemas = component_schemas()
    return {
        "asyncapi": "3.0.0",
        "id": "urn:leadstream",
        "info": _info(),
        "defaultContentType": "application/json",
        "servers": {"kafka": _server()},
        "channels": {channel_id(topic.name): _channel(topic) for topic in topics.values()},
        "operations": {name: op for topic in topics.values() for name, op in _operations(topic).items()},
        "components": {
            "messages": _messages(topics, payloads),
            "schemas": {
                "Envelope": dict(ENVELOPE),
                "InboundEnvelope": dict(INBOUND_ENVELOPE),
                "DeadLetterHeaders": dict(DEAD_LETTER_HEADERS),
                **schemas,
            },
        },
    }


def channel_id(topic: str) -> str:
    """The channel's name in the document: `leadsCapturedV1` for `leads.captured.v1`."""
    first, *rest = topic.replace("-", ".").split(".")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _info() -> dict[str, Any]:
    return {
        "title": "Leadstream",
        "version": CONTRACTS_VERSION,
        "description": _DESCRIPTION,
        "license": {"name": "Apache-2.0"},
        "tags": [{"name": service, "description": text} for service, text in _PROMISES.items()],
    }


def _server() -> dict[str, Any]:
    return {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "description": "Apache Kafka, LEADSTREAM_KAFKA_BOOTSTRAP of the deployment",
        "variables": {"bootstrap": {"default": "localhost:9092", "description": "host:port of a broker"}},
    }


def _channel(topic: Topic) -> dict[str, Any]:
    names = [message_name(event_type) for event_type in topic.event_types]
    return {
        "address": topic.name,
        "description": f"{_sentence(topic.purpose)} Key: {topic.key}. Read by: {', '.join(topic.consumers) or 'nobody'}.",
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "tags": [{"name": owner} for owner in owners(topic)],
        "bindings": {"kafka": _channel_binding(topic)},
        "x-personal-data": topic.personal,
    }


def _channel_binding(topic: Topic) -> dict[str, Any]:
    settings = topic.settings()
    configuration: dict[str, Any] = {"cleanup.policy": settings.pop("cleanup.policy").split(",")}
    configuration |= {name: int(value) if value.lstrip("-").isdigit() else value for name, value in settings.items()}
    return {
        "topic": topic.name,
        "partitions": topic.partitions,
        "topicConfiguration": configuration,
        "bindingVersion": _BINDING,
    }


def message_name(event_type: str) -> str:
    """The message's name in the document."""
    return _DEAD_LETTER if event_type == ANY_TYPE else schema_name(event_type)


def owners(topic: Topic) -> list[str]:
    """The services that publish to a topic."""
    named: list[str] = [owner for owner in SERVICES if owner in topic.owner.split(", ")]
    return named or list(SERVICES)


def _operations(topic: Topic) -> dict[str, Any]:
    channel = channel_id(topic.name)
    sends = {f"{service}.send.{channel}": _operation(service, "send", topic) for service in owners(topic)}
    reads = [service for service in SERVICES if service in topic.consumers]
    return sends | {f"{service}.receive.{channel}": _operation(service, "receive", topic) for service in reads}


def _operation(service: str, action: str, topic: Topic) -> dict[str, Any]:
    channel = channel_id(topic.name)
    operation: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": f"{service} {'publishes to' if action == 'send' else 'reads'} {topic.name}",
        "tags": [{"name": service}],
        "messages": [
            {"$ref": f"#/channels/{channel}/messages/{message_name(event_type)}"} for event_type in topic.event_types
        ],
    }
    if action == "receive":
        group = {"type": "string", "enum": groups(service, topic)}
        operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": _BINDING}}
    return operation


def groups(service: str, topic: Topic) -> list[str]:
    """The consumer groups with which a service reads a topic: capture's lanes of bulk and of behaviour have their own,
    and reporting both keeps the commands that it gets, like every record, and obeys them."""
    return _LANES.get((service, topic.name), [service])


def _messages(topics: Mapping[str, Topic], payloads: Mapping[str, dict[str, str]]) -> dict[str, Any]:
    messages: dict[str, Any] = {}
    for topic in topics.values():
        for event_type in topic.event_types:
            messages.setdefault(message_name(event_type), _message(event_type, topic, payloads))
    return messages


def _message(event_type: str, topic: Topic, payloads: Mapping[str, dict[str, str]]) -> dict[str, Any]:
    if event_type == ANY_TYPE:
        return _dead_letter(topic)
    envelope = "InboundEnvelope" if topic.log_append_time else "Envelope"
    message: dict[str, Any] = {
        "name": event_type,
        "title": CONTRACTS[event_type].__name__,
        "summary": " ".join((CONTRACTS[event_type].__doc__ or "").split()),
        "contentType": "application/json",
        "headers": {"$ref": f"#/components/schemas/{envelope}"},
        "payload": dict(payloads[event_type]),
        "tags": [{"name": _kind(topic)}],
        "bindings": {"kafka": _key_binding(topic)},
    }
    if event_type in RESERVED:
        message["x-reserved"] = "The topic stands; nobody publishes this yet."
    return message


def _dead_letter(topic: Topic) -> dict[str, Any]:
    return {
        "name": "dead-letter",
        "title": "Dead letter",
        "summary": "A record that a service could not process: key, value and headers as they came, and the reason.",
        "headers": {"$ref": "#/components/schemas/DeadLetterHeaders"},
        "payload": {"description": "The record's value as it came, whatever it is; cut at 900,000 bytes"},
        "tags": [{"name": "dead letter"}],
        "bindings": {"kafka": _key_binding(topic)},
    }


def _key_binding(topic: Topic) -> dict[str, Any]:
    return {"key": {"type": "string", "description": topic.key}, "bindingVersion": _BINDING}


def _kind(topic: Topic) -> str:
    if topic.log_append_time:
        return "submission"
    return "command" if is_command_topic(topic.name) else "event"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
