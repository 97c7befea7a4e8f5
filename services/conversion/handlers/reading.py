"""Reading `lead.routed`: no more is decoded than the gate asks about."""

from typing import Any, Final

import msgspec
import orjson
from pydantic import ValidationError

from services.conversion.domain.gate import Gate, Seen
from services.conversion.domain.leads import LeadState
from shared.contracts.base import Contract
from shared.contracts.decodable import is_decodable
from shared.contracts.ids import is_id
from shared.contracts.thin import LeadJson, Version
from shared.handling.outcomes import Rejected
from shared.handling.records import Record

MOST: Final = 2**31 - 2


class RoutedLead(Contract):
    """`lead.routed` as far as conversion looks into it."""

    lead: LeadJson
    lead_version: Version
    score: dict[str, Any]
    score_version: Version
    assignment: dict[str, Any]
    assignment_version: Version
    origin: dict[str, Any]


def read_routed(record: Record, gate: Gate) -> tuple[LeadState, Seen] | Rejected:
    """What there is of a `lead.routed`, and what the gate sees of it; or why it cannot be read."""
    if record.fault is not None:
        return Rejected(record.fault)
    if not record.value:
        return Rejected("empty_value")
    if not is_decodable(record.value):
        return Rejected("invalid_contract", exception="JSONDecodeError")
    return _glanced(record.value, gate) or _judged(record.value, gate)


def _glanced(value: bytes, gate: Gate) -> tuple[LeadState, Seen] | None:
    """None of a value that does not plainly keep the contract."""
    try:
        seen: Seen = gate.see(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    versions = (seen.lead_version, seen.score_version, seen.assignment_version)
    lead_id = seen.lead.get("lead_id")
    whole = seen.score is not None and seen.assignment is not None and seen.origin is not None
    if not (whole and min(versions) > 0 and max(versions) <= MOST and is_id(lead_id)):
        return None
    return LeadState(lead_id, *versions, value), seen


def _judged(value: bytes, gate: Gate) -> tuple[LeadState, Seen] | Rejected:
    """By the contract as a whole, which names the place of what is wrong, and takes a little more."""
    try:
        event = RoutedLead.model_validate_json(value)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False, include_input=False, include_context=False)
        place = ".".join(str(part) for part in first["loc"])
        return Rejected("invalid_contract", place=place, exception=type(error).__name__)
    return _glanced(orjson.dumps(event.model_dump()), gate) or Rejected("invalid_contract")
