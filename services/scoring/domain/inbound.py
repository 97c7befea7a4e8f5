"""What scoring reads of capture's events: thin, because the lead passes through as it came."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import orjson

from shared.contracts.base import Contract
from shared.contracts.ids import is_id
from shared.contracts.thin import HIGHEST_VERSION, LeadJson, Version

# `lead.captured` as capture writes it, around the lead and the origin.
_BEFORE: Final = re.compile(rb'\{"outcome":"[a-z_]+","matched_by":(?:null|"[a-z_]+"),"lead":')
_BEHIND: Final = b',"lead_version":'
_ORIGIN: Final = b',"origin":'


class CapturedFields(Contract):
    """Of `lead.captured`: the lead after a submission, and the submission."""

    lead: LeadJson
    lead_version: Version
    origin: dict[str, Any]


@dataclass(slots=True)
class CapturedLead:
    """A `lead.captured` with its lead and its origin also as the JSON that they came as, or that means the same."""

    TYPE: ClassVar[str] = "lead.captured"

    lead_id: str
    lead: dict[str, Any]
    lead_json: bytes
    lead_version: int
    origin: dict[str, Any]
    origin_json: bytes

    @classmethod
    def model_validate_json(cls, value: bytes) -> "CapturedLead":
        """The event of a record's value. Raises pydantic's ValidationError for what is none."""
        return _as_written(value) or _validated(value)


def _validated(value: bytes) -> CapturedLead:
    """Of any JSON that keeps the contract."""
    read = CapturedFields.model_validate_json(value)
    lead, origin = orjson.dumps(read.lead), orjson.dumps(read.origin)
    return CapturedLead(read.lead["lead_id"], read.lead, lead, read.lead_version, read.origin, origin)


def _as_written(value: bytes) -> CapturedLead | None:
    """Of JSON as capture writes it, without copying the lead by way of Python; None where it is another.

    It is cut where the version stands. That was the right place when both sides are JSON by themselves and what follows
    the lead is its version and its origin, nothing else.
    """
    before, end = _BEFORE.match(value), value.rfind(_BEHIND)
    if before is None or end < before.end() or not value.endswith(b"}}"):
        return None
    lead_json, rest_json = value[before.end() : end], value[end + 1 :]
    try:
        lead, rest = orjson.loads(lead_json), orjson.loads(b"{" + rest_json)
    except orjson.JSONDecodeError:
        return None
    if list(rest) != ["lead_version", "origin"] or type(lead) is not dict:
        return None
    lead_id, version, origin = lead.get("lead_id"), rest["lead_version"], rest["origin"]
    if (
        type(version) is not int
        or not 1 <= version <= HIGHEST_VERSION
        or type(origin) is not dict
        or not is_id(lead_id)
    ):
        return None
    origin_json = rest_json[rest_json.index(_ORIGIN) + len(_ORIGIN) : -1]
    return CapturedLead(lead_id, lead, lead_json, version, origin, origin_json)
