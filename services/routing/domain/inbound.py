"""What routing reads of scoring's events: thin, because lead, score and origin pass through as they came."""

from typing import Any, ClassVar, Final

import msgspec
import orjson

from shared.contracts.base import Contract
from shared.contracts.thin import NOT_AS_WRITTEN, LeadJson, SeenVersion, Version, lead_id_of, object_of


class ScoredFields(Contract):
    """`lead.scored` as far as routing looks into it; the rest is passed on unread."""

    lead: LeadJson
    lead_version: Version
    score: dict[str, Any]
    score_version: Version
    origin: dict[str, Any]


class _Parts(msgspec.Struct, gc=False):
    lead: msgspec.Raw
    lead_version: SeenVersion
    score: msgspec.Raw
    score_version: SeenVersion
    origin: msgspec.Raw


class ScoredLead(msgspec.Struct, gc=False):
    """A `lead.scored`. Its lead, score and origin are the JSON that they came as, or that means the same."""

    TYPE: ClassVar[str] = "lead.scored"

    lead_id: str
    lead: bytes
    lead_version: int
    score: bytes
    score_version: int
    origin: bytes

    @classmethod
    def model_validate_json(cls, value: bytes) -> "ScoredLead":
        """The event of a record's value. Raises pydantic's ValidationError for what is none."""
        try:
            value.decode()  # msgspec does not ask whether texts that it hands on are UTF-8
            return _as_written(_read_parts(value))
        except NOT_AS_WRITTEN:
            return _rewritten(ScoredFields.model_validate_json(value))


_read_parts: Final = msgspec.json.Decoder(_Parts).decode


def _as_written(parts: _Parts) -> ScoredLead:
    lead_id, score, origin = lead_id_of(parts.lead), object_of(parts.score), object_of(parts.origin)
    return ScoredLead(lead_id, bytes(parts.lead), parts.lead_version, score, parts.score_version, origin)


def _rewritten(read: ScoredFields) -> ScoredLead:
    lead, score, origin = orjson.dumps(read.lead), orjson.dumps(read.score), orjson.dumps(read.origin)
    return ScoredLead(read.lead["lead_id"], lead, read.lead_version, score, read.score_version, origin)
