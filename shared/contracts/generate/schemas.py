"""JSON Schemas of events and commands, from their models."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from shared.contracts.base import Contract
from shared.contracts.catalog import CONTRACTS, schema_name

COMPONENTS: Final = "#/components/schemas/{model}"
_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema_of(event_type: str, model: type[Contract]) -> dict[str, Any]:
    """One type's schema, complete in itself. It describes what a reader accepts: fields with defaults are optional."""
    schema = model.model_json_schema(mode="validation")
    return {"$schema": _DIALECT, "$id": f"urn:leadstream:{schema_name(event_type)}", **schema}


def schema_files(contracts: Mapping[str, type[Contract]] = CONTRACTS) -> dict[str, str]:
    """The text of each type's schema file, by file name."""
    return {
        f"{schema_name(event_type)}.json": json.dumps(schema_of(event_type, model), indent=2, ensure_ascii=False) + "\n"
        for event_type, model in sorted(contracts.items())
    }


def component_schemas(
    contracts: Mapping[str, type[Contract]] = CONTRACTS,
) -> tuple[dict[str, dict[str, str]], dict[str, Any]]:
    """A reference for each type, and the schemas that they refer to, for one document that holds them all."""
    models = list(dict.fromkeys(contracts.values()))
    found, document = models_json_schema([(model, "validation") for model in models], ref_template=COMPONENTS)
    references = {model: reference for (model, _), reference in found.items()}
    by_type = {event_type: {"$ref": references[model]["$ref"]} for event_type, model in contracts.items()}
    return by_type, dict(sorted(document["$defs"].items()))


# Headers as CloudEvents 1.0 in Kafka's binary mode sets them.
ENVELOPE: Final[MappingProxyType[str, Any]] = MappingProxyType(
    {
        "type": "object",
        "description": "CloudEvents 1.0, binary mode: the envelope is record headers, the value is the event's JSON.",
        "required": ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time", "content-type"],
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_id": {
                "type": "string",
                "format": "uuid",
                "description": "The event's id, derived from its cause: the same after a redelivery",
            },
            "ce_type": {"type": "string", "description": "Noun and past verb, or an imperative for commands"},
            "ce_source": {"type": "string", "description": "Who says so, e.g. leadstream/scoring"},
            "ce_subject": {"type": "string", "description": "What it is about; the command id on command topics"},
            "ce_time": {"type": "string", "format": "date-time", "description": "When it was decided, UTC"},
            "content-type": {"type": "string", "const": "application/json"},
            "traceparent": {"type": "string", "description": "W3C trace context"},
        },
    }
)

# What an outside source has to send; all else is derived.
INBOUND_ENVELOPE: Final[MappingProxyType[str, Any]] = MappingProxyType(
    {
        "type": "object",
        "description": "Headers of a record that a source writes itself. All may be missing, but then it is of nobody.",
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_source": {"type": "string", "description": "The source's name"},
            "ce_id": {
                "type": "string",
                "description": "The source's own event id; missing: derived from topic, partition, offset",
            },
            "ce_type": {
                "type": "string",
                "description": "Missing: lead.submitted, on events.inbound.v1 behaviour.submitted",
            },
            "ce_time": {"type": "string", "format": "date-time"},
            "content-type": {"type": "string", "const": "application/json"},
            "traceparent": {"type": "string", "description": "W3C trace context"},
        },
    }
)

_DLQ: Final = (
    ("dlq-original-topic", "Where the record was"),
    ("dlq-original-topic-id", "Kafka's id of that topic, which tells a recreated one"),
    ("dlq-original-partition", "Decimal"),
    ("dlq-original-offset", "Decimal"),
    ("dlq-original-timestamp", "Milliseconds since 1970"),
    ("dlq-event-id", "The record's event id, as the service derived it"),
    ("dlq-source", "The record's source"),
    ("dlq-group", "Consumer group that could not process it"),
    ("dlq-reason", "Registered reason"),
    ("dlq-place", "Field or line, never a value"),
    ("dlq-exception", "Type and place of the error, never its message"),
    ("dlq-attempts", "How often it was tried"),
    ("dlq-service-version", "Version of the service"),
)

DEAD_LETTER_HEADERS: Final[MappingProxyType[str, Any]] = MappingProxyType(
    {
        "type": "object",
        "description": "The record's own headers as they came, and these.",
        "required": [name for name, _ in _DLQ],
        "properties": {name: {"type": "string", "description": text} for name, text in _DLQ},
    }
)
