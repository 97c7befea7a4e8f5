"""A lead as routing publishes it and as conversion keeps it: three parts, each with its owner's version.

Parts stay the JSON that they came as; what is not looked into is not decoded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import orjson

from shared.contracts.ids import is_id

NULL: Final = b"null"
# What gates may ask of a score stands before its contributions, which are most of it.
_ASKED_OF_SCORES: Final = frozenset({"value", "fit", "engagement", "grade", "temperature"})
_CONTRIBUTIONS: Final = b',"contributions":'
_SCORE_VERSION: Final = b',"score_version":'
_ASSIGNMENT_VERSION: Final = b',"assignment_version":'
_BEGIN: Final = b'{"lead":'
_FORM: Final = (
    b'{"lead":%b,"lead_version":%d,"score":%b,"score_version":%d,"assignment":%b,"assignment_version":%d,"origin":%b}'
)
_USUAL_VERSIONS: Final[Mapping[bytes, int]] = MappingProxyType({b"%d" % number: number for number in range(1, 1000)})


@dataclass(slots=True)
class LeadState:
    """The newest parts of a lead that conversion knows. Of a lead that is converted only the versions are kept."""

    lead_id: str
    lead_version: int
    lead_json: bytes
    score_version: int = 0
    score_json: bytes = NULL
    assignment_version: int = 0
    assignment_json: bytes = NULL
    origin_json: bytes = NULL
    opportunity_id: str | None = None
    _lead: dict[str, Any] | None = field(default=None, compare=False)

    @property
    def lead(self) -> dict[str, Any]:
        """The lead, decoded once. Nobody changes it."""
        if self._lead is None:
            self._lead = orjson.loads(self.lead_json)
        return self._lead

    def forget(self) -> None:
        """Hold the decoded lead no longer: thousands of them crowd the processor's cache."""
        self._lead = None

    @property
    def score(self) -> dict[str, Any] | None:
        """What gates may ask of the score, perhaps without its contributions."""
        end = self.score_json.find(_CONTRIBUTIONS)
        if end > 0:
            try:
                score: dict[str, Any] = orjson.loads(self.score_json[:end] + b"}")
            except orjson.JSONDecodeError:
                score = {}
            if score.keys() >= _ASKED_OF_SCORES:
                return score
        return _decoded(self.score_json)

    @property
    def assignment(self) -> dict[str, Any] | None:
        """Who holds the lead."""
        return _decoded(self.assignment_json)

    @property
    def origin(self) -> dict[str, Any] | None:
        """The submission that the lead's newest part goes back to."""
        return _decoded(self.origin_json)

    def verify(self) -> None:
        """Raises JSONDecodeError where a part that is handed on unread is no JSON."""
        orjson.loads(self.score_json)
        orjson.loads(self.origin_json)

    def take_newer(self, other: "LeadState") -> bool:
        """Take each part that is newer; whether any was. The origin is the newest lead's, where it has one."""
        newer = False
        if other.lead_version > self.lead_version:
            self.lead_version, self.lead_json, self._lead = other.lead_version, other.lead_json, other._lead
            self.origin_json = self.origin_json if other.origin_json == NULL else other.origin_json
            newer = True
        if other.score_version > self.score_version:
            self.score_version, self.score_json, newer = other.score_version, other.score_json, True
        if other.assignment_version > self.assignment_version:
            self.assignment_version, self.assignment_json = other.assignment_version, other.assignment_json
            newer = True
        if newer and self.origin_json == NULL:
            self.origin_json = other.origin_json
        return newer

    def as_json(self) -> bytes:
        """The parts in the form of `lead.routed`."""
        return _FORM % (
            self.lead_json,
            self.lead_version,
            self.score_json,
            self.score_version,
            self.assignment_json,
            self.assignment_version,
            self.origin_json,
        )


def split_routed(value: bytes) -> LeadState | None:
    """The parts of a `lead.routed` as our routing writes it: without spaces, in this order. None of any other form, and
    where a name that parts are found by occurs again. Only the lead is decoded, so only the lead is known to be JSON."""
    begin, _, tail = value.partition(b',"lead_version":')
    lead_version, _, tail = tail.partition(b',"score":')
    score, _, tail = tail.partition(_SCORE_VERSION)
    score_version, _, rest = tail.partition(b',"assignment":')
    assignment, _, rest = rest.partition(_ASSIGNMENT_VERSION)
    assignment_version, _, origin = rest.partition(b',"origin":')
    if tail.find(_SCORE_VERSION) >= 0 or rest.find(_ASSIGNMENT_VERSION) >= 0 or not begin.startswith(_BEGIN):
        return None
    if not (score[:1] == assignment[:1] == origin[:1] == b"{" and origin.endswith(b"}}")):
        return None
    try:
        versions = [_USUAL_VERSIONS[digits] for digits in (lead_version, score_version, assignment_version)]
        lead_json = begin[len(_BEGIN) :]
        lead = orjson.loads(lead_json)
        lead_id = lead["lead_id"]
    except (KeyError, TypeError, orjson.JSONDecodeError):
        return None
    if not is_id(lead_id):
        return None
    return LeadState(
        lead_id, versions[0], lead_json, versions[1], score, versions[2], assignment, origin[:-1], _lead=lead
    )


def read_kept(value: bytes) -> LeadState:
    """The parts that `LeadState.as_json` wrote."""
    kept = split_routed(value)
    if kept is not None:
        return kept
    parts = orjson.loads(value)
    return LeadState(
        parts["lead"]["lead_id"],
        parts["lead_version"],
        orjson.dumps(parts["lead"]),
        parts["score_version"],
        orjson.dumps(parts["score"]),
        parts["assignment_version"],
        orjson.dumps(parts["assignment"]),
        orjson.dumps(parts["origin"]),
    )


def _decoded(part: bytes) -> dict[str, Any] | None:
    decoded: dict[str, Any] | None = orjson.loads(part)
    return decoded
