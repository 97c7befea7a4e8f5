"""What scoring reads of capture's events: thin, because the lead passes through as it came."""

from typing import Any, ClassVar, Final

import msgspec
import orjson

from shared.contracts.base import Contract
from shared.contracts.thin import NOT_AS_WRITTEN, LeadJson, SeenVersion, Version, lead_id_of, object_of


class CapturedFields(Contract):
    """Of `lead.captured`: the lead after a submission, and the submission."""

    lead: LeadJson
    lead_version: Version
    origin: dict[str, Any]


class _Parts(msgspec.Struct, gc=False):
    lead: msgspec.Raw
    lead_version: SeenVersion
    origin: msgspec.Raw


class CapturedLead(msgspec.Struct, gc=False):
    """A `lead.captured`. Its lead and its origin are the JSON that they came as, or that means the same."""

    TYPE: ClassVar[str] = "lead.captured"

    lead_id: str
    lead: bytes
    lead_version: int
    origin: bytes

    @classmethod
    def model_validate_json(cls, value: bytes) -> "CapturedLead":
        """The event of a record's value. Raises pydantic's ValidationError for what is none."""
        try:
            value.decode()  # msgspec does not ask whether texts that it hands on are UTF-8
            parts = _read_parts(value)
            return cls(lead_id_of(parts.lead), bytes(parts.lead), parts.lead_version, object_of(parts.origin))
        except NOT_AS_WRITTEN:
            read = CapturedFields.model_validate_json(value)
            return cls(read.lead["lead_id"], orjson.dumps(read.lead), read.lead_version, orjson.dumps(read.origin))


_read_parts: Final = msgspec.json.Decoder(_Parts).decode


class ChangedLead(Contract):
    """`lead.changed`: what became known of a lead without a submission."""

    TYPE: ClassVar[str] = "lead.changed"

    lead: LeadJson
    lead_version: Version
