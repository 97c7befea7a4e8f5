"""What routing reads of scoring's events: thin, because lead, score and origin pass through as they came."""

from typing import Annotated, Any, ClassVar, Final

import msgspec
import orjson

from shared.contracts.base import Contract
from shared.contracts.ids import WRITTEN
from shared.contracts.thin import NOT_AS_WRITTEN, LeadJson, SeenVersion, Version, object_of

# The state of a lead that is no target: of nearly all, and of those that do not say.
LEAD: Final = "lead"
EXPIRED: Final = "expired"


class ScoredFields(Contract):
    """`lead.scored` as far as routing looks into it; the rest is passed on unread."""

    lead: LeadJson
    lead_version: Version
    score: dict[str, Any]
    score_version: Version
    origin: dict[str, Any]


class _Named(msgspec.Struct, gc=False):
    lead_id: Annotated[str, msgspec.Meta(pattern=f"^{WRITTEN.pattern}$")]
    state: Any = LEAD


class _Parts(msgspec.Struct, gc=False):
    lead: msgspec.Raw
    lead_version: SeenVersion
    score: msgspec.Raw
    score_version: SeenVersion
    origin: msgspec.Raw


class ScoredLead(msgspec.Struct, gc=False):
    """A `lead.scored`. Its lead, score and origin are the JSON that they came as, or that means the same. `is_expired`: a
    target that did not respond in time."""

    TYPE: ClassVar[str] = "lead.scored"

    lead_id: str
    lead: bytes
    lead_version: int
    score: bytes
    score_version: int
    origin: bytes
    is_target: bool = False
    is_expired: bool = False

    @classmethod
    def model_validate_json(cls, value: bytes) -> "ScoredLead":
        """The event of a record's value. Raises pydantic's ValidationError for what is none."""
        try:
            value.decode()  # msgspec does not ask whether texts that it hands on are UTF-8
            return _as_written(_read_parts(value))
        except NOT_AS_WRITTEN:
            return _rewritten(ScoredFields.model_validate_json(value))


_read_parts: Final = msgspec.json.Decoder(_Parts).decode
_read_named: Final = msgspec.json.Decoder(_Named).decode


def _as_written(parts: _Parts) -> ScoredLead:
    named, score, origin = _read_named(parts.lead), object_of(parts.score), object_of(parts.origin)
    lead, state = bytes(parts.lead), named.state
    if state == LEAD:
        return ScoredLead(named.lead_id, lead, parts.lead_version, score, parts.score_version, origin)
    return ScoredLead(
        named.lead_id, lead, parts.lead_version, score, parts.score_version, origin, True, state == EXPIRED
    )


def _rewritten(read: ScoredFields) -> ScoredLead:
    lead, score, origin = orjson.dumps(read.lead), orjson.dumps(read.score), orjson.dumps(read.origin)
    state = read.lead.get("state", LEAD)
    return ScoredLead(
        read.lead["lead_id"], lead, read.lead_version, score, read.score_version, origin, state != LEAD,
        state == EXPIRED,
    )  # fmt: skip
