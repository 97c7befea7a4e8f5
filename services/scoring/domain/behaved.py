"""What scoring reads of behaviour that capture stitched to leads, and what its rules may ask about it."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlsplit

import msgspec
from pydantic import AwareDatetime

from shared.contracts.base import Contract
from shared.contracts.ids import WRITTEN
from shared.contracts.thin import NOT_AS_WRITTEN, LeadId
from shared.rules.fields import FieldKind

LONGEST_TEXT: Final = 200
MOST_TOPICS: Final = 10
_HIGHEST: Final = 1e12

EVENT_FIELDS: Final[Mapping[str, FieldKind]] = {
    "kind": "text", "category": "text", "path": "text", "source": "text", "campaign": "text", "material_id": "text",
    "message_id": "text", "search_term": "text", "topics": "list", "dwell_s": "number", "human_probability": "number",
    "form": "text", "file": "text", "topic": "text", "competitor": "text", "strength": "any", "provider": "text",
}  # fmt: skip
"""What a rule may ask of an event: `event.category` and so on."""
_TOLD: Final = (
    "category",
    "source",
    "campaign",
    "material_id",
    "message_id",
    "search_term",
    "dwell_s",
    "human_probability",
)
_OF_PROPERTIES: Final = ("form", "file", "topic", "competitor", "strength", "provider")


class BehavedFields(Contract):
    """`lead.behaved` as far as scoring looks into it."""

    lead_id: LeadId
    kind: str
    occurred_at: AwareDatetime
    source: str | None = None
    category: str | None = None
    dwell_s: float | None = None
    search_term: str | None = None
    topics: list[str] = []
    material_id: str | None = None
    message_id: str | None = None
    campaign: str | None = None
    human_probability: float | None = None
    human: bool = True
    properties: dict[str, Any] = {}


class _Parts(msgspec.Struct, gc=False):
    lead_id: Annotated[str, msgspec.Meta(pattern=f"^{WRITTEN.pattern}$")]
    kind: str
    occurred_at: Annotated[datetime, msgspec.Meta(tz=True)]
    source: str | None = None
    category: str | None = None
    dwell_s: float | None = None
    search_term: str | None = None
    topics: list[str] = []
    material_id: str | None = None
    message_id: str | None = None
    campaign: str | None = None
    human_probability: float | None = None
    human: bool = True
    properties: dict[str, Any] = {}


_read_parts: Final = msgspec.json.Decoder(_Parts).decode


class BehavedLead(msgspec.Struct, gc=False):
    """A `lead.behaved`: when, by whom, and what rules may ask about it."""

    TYPE: ClassVar[str] = "lead.behaved"

    lead_id: str
    at_ms: int
    facts: dict[str, Any]
    human: bool

    @classmethod
    def model_validate_json(cls, value: bytes) -> "BehavedLead":
        """The event of a record's value. Raises pydantic's ValidationError for what is none."""
        parts: _Parts | BehavedFields
        try:
            value.decode()
            parts = _read_parts(value)
        except NOT_AS_WRITTEN:
            parts = BehavedFields.model_validate_json(value)
        return cls(parts.lead_id, _ms(parts.occurred_at), _facts(parts), parts.human)


class CorrectedBehaviour(Contract):
    """A `behaviour.corrected` as far as scoring looks into it."""

    TYPE: ClassVar[str] = "behaviour.corrected"

    lead_id: LeadId
    corrects: LeadId
    change: str  # reclassified, retracted, and what later versions may say
    occurred_at: AwareDatetime
    human: bool = True
    corrected_at: AwareDatetime

    @property
    def retracted(self) -> bool:
        """Whether the event is another lead's after all."""
        return self.change == "retracted"

    @property
    def at_ms(self) -> int:
        """When the event happened."""
        return _ms(self.occurred_at)

    @property
    def corrected_ms(self) -> int:
        """When it was seen otherwise."""
        return _ms(self.corrected_at)


def event_facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """What rules see of an event: known fields that have a value, texts of bounded length."""
    return {name: plain for name in EVENT_FIELDS if (plain := _plain(told.get(name))) is not None}


def _facts(parts: _Parts | BehavedFields) -> dict[str, Any]:
    properties = parts.properties
    told: dict[str, Any] = {"kind": parts.kind, "path": _path(properties.get("url")), "topics": parts.topics}
    told.update((name, getattr(parts, name)) for name in _TOLD)
    told.update((name, properties.get(name)) for name in _OF_PROPERTIES)
    return event_facts(told)


def _plain(value: Any) -> Any:
    match value:
        case str():
            return value[:LONGEST_TEXT] or None
        case bool():
            return value
        case int() | float():
            return value if math.isfinite(value) and abs(value) < _HIGHEST else None
        case list():
            return [text[:LONGEST_TEXT] for text in value[:MOST_TOPICS] if isinstance(text, str)] or None
    return None


def _path(url: Any) -> str | None:
    """The path alone: what follows a question mark may name people."""
    if not isinstance(url, str):
        return None
    try:
        return urlsplit(url[:2000]).path or None
    except ValueError:
        return None


def _ms(instant: datetime) -> int:
    return int(instant.astimezone(UTC).timestamp() * 1000)
