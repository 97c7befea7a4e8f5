"""A lead as routing publishes it and as conversion keeps it: three parts, each with its owner's version, as one JSON text.

What nobody asks about is never decoded.
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
import orjson

_NULL: Final = b"null"
_FORM: Final = (
    b'{"lead":%b,"lead_version":%d,"score":%b,"score_version":%d,"assignment":%b,"assignment_version":%d,"origin":%b}'
)


class Parts(msgspec.Struct, frozen=True, gc=False):
    """The parts of `lead.routed`, each still JSON. What was never heard of is null, and its version 0."""

    lead: msgspec.Raw
    lead_version: int
    score: msgspec.Raw
    score_version: int
    assignment: msgspec.Raw
    assignment_version: int
    origin: msgspec.Raw


_read_parts: Final = msgspec.json.Decoder(Parts).decode
_decode_part: Final = msgspec.json.Decoder(dict[str, Any] | None).decode


def parts_of(routed: bytes) -> Parts:
    """The parts. Raises DecodeError and UnicodeDecodeError where this is no JSON of such parts."""
    routed.decode()  # msgspec does not ask whether texts that it hands on are UTF-8
    return _read_parts(routed)


def decoded(part: msgspec.Raw) -> dict[str, Any] | None:
    """A part as a dict, None of one that was never heard of."""
    found: dict[str, Any] | None = _decode_part(part)
    return found


@dataclass(slots=True)
class LeadState:
    """The newest parts of a lead that conversion knows, in the form of `lead.routed`. Of a lead that is converted or
    erased only the versions are kept."""

    lead_id: str
    lead_version: int
    score_version: int
    assignment_version: int
    routed: bytes | None
    opportunity_id: str | None = None
    erased: bool = False

    def take_newer(self, other: "LeadState") -> bool:
        """Take each part that is newer; whether any was."""
        lead = other.lead_version > self.lead_version
        score = other.score_version > self.score_version
        assignment = other.assignment_version > self.assignment_version
        if lead and score and assignment:
            self.routed = other.routed
        elif self.routed is not None and other.routed is not None and (lead or score or assignment):
            self.routed = _mixed(parts_of(self.routed), parts_of(other.routed))
        self.lead_version = max(self.lead_version, other.lead_version)
        self.score_version = max(self.score_version, other.score_version)
        self.assignment_version = max(self.assignment_version, other.assignment_version)
        return lead or score or assignment


def of_merge(lead_id: str, version: int, lead: dict[str, Any]) -> LeadState:
    """What a merge tells of a lead: nothing of score and assignment."""
    routed = _FORM % (orjson.dumps(lead), version, _NULL, 0, _NULL, 0, _NULL)
    return LeadState(lead_id, version, 0, 0, routed)


def _mixed(held: Parts, other: Parts) -> bytes:
    """The newer of each part. The origin is the newest lead's, where it has one."""
    lead = other if other.lead_version > held.lead_version else held
    score = other if other.score_version > held.score_version else held
    assignment = other if other.assignment_version > held.assignment_version else held
    known = [parts.origin for parts in (lead, held, other) if bytes(parts.origin) != _NULL]
    return _FORM % (
        lead.lead,
        lead.lead_version,
        score.score,
        score.score_version,
        assignment.assignment,
        assignment.assignment_version,
        known[0] if known else _NULL,
    )
