"""Reading `lead.routed`: what our routing writes is split, everything else is judged by its contract."""

from typing import Any

import orjson
from pydantic import ValidationError

from services.conversion.domain.leads import LeadState, split_routed
from shared.contracts.base import Contract
from shared.contracts.thin import LeadJson, Version
from shared.handling.outcomes import Rejected
from shared.handling.records import Record


class RoutedLead(Contract):
    """`lead.routed` as far as conversion looks into it."""

    lead: LeadJson
    lead_version: Version
    score: dict[str, Any]
    score_version: Version
    assignment: dict[str, Any]
    assignment_version: Version
    origin: dict[str, Any]


def read_routed(record: Record) -> LeadState | Rejected:
    """The parts of a `lead.routed`, or why they cannot be read."""
    if record.fault is not None:
        return Rejected(record.fault)
    if not record.value:
        return Rejected("empty_value")
    return split_routed(record.value) or _judged(record.value)


def _judged(value: bytes) -> LeadState | Rejected:
    try:
        return state_of(RoutedLead.model_validate_json(value))
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False, include_input=False, include_context=False)
        place = ".".join(str(part) for part in first["loc"])
        return Rejected("invalid_contract", place=place, exception=type(error).__name__)


def state_of(event: RoutedLead) -> LeadState:
    """The parts of an event that was decoded as a whole."""
    return LeadState(
        event.lead["lead_id"],
        event.lead_version,
        orjson.dumps(event.lead),
        event.score_version,
        orjson.dumps(event.score),
        event.assignment_version,
        orjson.dumps(event.assignment),
        orjson.dumps(event.origin),
    )
