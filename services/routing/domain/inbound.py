"""What routing reads of scoring's events: thin, because lead, score and origin pass through as they came."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import orjson

from shared.contracts.base import Contract
from shared.contracts.ids import is_id
from shared.contracts.thin import HIGHEST_VERSION, LeadJson, Version

_LEAD: Final = b'{"lead":'
_LEAD_VERSION: Final = b',"lead_version":'
_SCORE: Final = b',"score":'
_SCORE_VERSION: Final = b',"score_version":'
_ORIGIN: Final = b',"origin":'
_SCORED_AT: Final = b',"scored_at":'
_TIME: Final = re.compile(rb'"[0-9T:.+Z-]+"\}')
_MOST_SCORES: Final = 4_000


class ScoredFields(Contract):
    """`lead.scored` as far as routing looks into it; the rest is passed on unread."""

    lead: LeadJson
    lead_version: Version
    score: dict[str, Any]
    score_version: Version
    origin: dict[str, Any]


@dataclass(slots=True)
class ScoredLead:
    """A `lead.scored` with its parts also as the JSON that they came as, or that means the same.

    `score` may lack `scored_at`, which no rule can ask for, and is shared between leads: read only.
    """

    TYPE: ClassVar[str] = "lead.scored"

    lead_id: str
    lead: dict[str, Any]
    lead_json: bytes
    lead_version: int
    score: dict[str, Any]
    score_json: bytes
    score_version: int
    origin: dict[str, Any]
    origin_json: bytes

    @classmethod
    def model_validate_json(cls, value: bytes) -> "ScoredLead":
        """The event of a record's value. Raises pydantic's ValidationError for what is none."""
        return _as_written(value) or _validated(value)


def _validated(value: bytes) -> ScoredLead:
    """Of any JSON that keeps the contract."""
    read = ScoredFields.model_validate_json(value)
    lead_id, lead = read.lead["lead_id"], orjson.dumps(read.lead)
    score, origin = orjson.dumps(read.score), orjson.dumps(read.origin)
    return ScoredLead(
        lead_id, read.lead, lead, read.lead_version, read.score, score, read.score_version, read.origin, origin
    )


def _as_written(value: bytes) -> ScoredLead | None:
    """Of JSON as scoring writes it, without copying its parts by way of Python; None where it is another.

    It is cut where the names of the five members stand. Those were the right places when every part is JSON by itself.
    """
    origin_at = value.rfind(_ORIGIN)
    score_version_at = value.rfind(_SCORE_VERSION, 0, max(origin_at, 0))
    score_at = value.rfind(_SCORE, 0, max(score_version_at, 0))
    version_at = value.rfind(_LEAD_VERSION, 0, max(score_at, 0))
    if version_at < 0 or not value.startswith(_LEAD) or not value.endswith(b"}"):
        return None
    lead_json, score_json = value[len(_LEAD) : version_at], value[score_at + len(_SCORE) : score_version_at]
    origin_json = value[origin_at + len(_ORIGIN) : -1]
    version = _version(value[version_at + len(_LEAD_VERSION) : score_at])
    score_version = _version(value[score_version_at + len(_SCORE_VERSION) : origin_at])
    try:
        lead, score, origin = orjson.loads(lead_json), _scores.read(score_json), orjson.loads(origin_json)
    except orjson.JSONDecodeError:
        return None
    if not (version and score_version and type(lead) is type(score) is type(origin) is dict):
        return None
    lead_id = lead.get("lead_id")
    if not is_id(lead_id):
        return None
    return ScoredLead(lead_id, lead, lead_json, version, score, score_json, score_version, origin, origin_json)


def _version(digits: bytes) -> int | None:
    """A version, or None for what is none or written in another way."""
    if not digits.isdigit() or digits.startswith(b"0") or len(digits) > 10:
        return None
    version = int(digits)
    return version if version <= HIGHEST_VERSION else None


class _Scores:
    """Scores by their JSON without the time: many leads have the same, and most of an event is its contributions."""

    def __init__(self) -> None:
        self._read: dict[bytes, Any] = {}

    def read(self, score_json: bytes) -> Any:
        """The value; a score that was read before lacks its time. Raises orjson.JSONDecodeError for what is no JSON."""
        untimed, found, time = score_json.rpartition(_SCORED_AT)
        if not found or _TIME.fullmatch(time) is None:
            return orjson.loads(score_json)
        score = self._read.get(untimed)
        if score is None:
            score = orjson.loads(untimed + b"}")
            if len(self._read) >= _MOST_SCORES:
                self._read.clear()
            self._read[untimed] = score
        return score


_scores: Final = _Scores()
