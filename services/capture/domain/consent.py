"""Consent: booleans by purpose, and the evidence (text, time) that came with them.

A refusal stands, whatever comes later or is merged, until an agreement that is confirmed: one that a person recorded, or a
double opt-in. A submission cannot say that of itself.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from services.capture.domain.fact_shape import Facts
from services.capture.domain.submission import Consent
from shared.contracts import ids

_EVIDENCE: Final = frozenset({"text", "at", "purpose", "lawful_basis", "wording_id"})
_EARLIEST: Final = datetime(1990, 1, 1, tzinfo=UTC)
CONFIRMED: Final = "confirmed"
"""Evidence that only a command brings: the purposes of which the agreement is confirmed."""


class Statement(NamedTuple):
    """What a person agreed to or refused, for one purpose, as it was received. Kept as it is."""

    consent_id: str
    lead_id: str
    event_id: str
    purpose: str
    given: bool
    confirmed: bool
    received_us: int
    source: str
    said_at: str | None = None
    lawful_basis: str | None = None
    wording_id: str | None = None
    wording: str | None = None


def statements_of(said: Facts, lead_id: str, event_id: str, *, received_us: int, source: str) -> Iterator[Statement]:
    """The statements that the facts of one record hold; each has the same id however often the record comes."""
    evidence = said.get("k", {})
    told = {name: _text(evidence.get(name)) for name in ("lawful_basis", "wording_id")}
    for purpose, given in said.get("c", {}).items():
        yield Statement(
            ids.derive(ids.EVENTS, "consent", event_id, purpose),
            lead_id,
            event_id,
            purpose,
            given,
            is_confirmed(said, purpose),
            received_us,
            source,
            evidence.get("at"),
            wording=_text(evidence.get("text")),
            **told,
        )


def is_confirmed(said: Facts, purpose: str) -> bool:
    """Whether an agreement is one that a refusal gives way to."""
    return purpose in said.get("k", {}).get(CONFIRMED, ())


def _text(value: object) -> str | None:
    return value.replace("\x00", "") if isinstance(value, str) else None


def clean_consent(
    consent: Consent,
    facts: Facts,
    keep_unknown: Callable[[Mapping[str, Any], frozenset[str], str], None],
    warnings: dict[str, list[str]],
) -> None:
    """Write purposes (`c`) and evidence (`k`) into the facts; the rest, and evidence without a purpose, is extra."""
    purposes: dict[str, bool] = {}
    evidence: dict[str, Any] = {}
    unknown: dict[str, Any] = {}
    for key, value in consent.items():
        if type(value) is bool:
            purposes[key] = value
        elif value is not None:
            (evidence if key in _EVIDENCE else unknown)[key] = value
    if "at" in evidence:
        _read_time(evidence, unknown, warnings)
    if purposes:
        facts["c"] = purposes
        facts["k"] = evidence
    else:
        unknown.update(evidence)
    if unknown:
        keep_unknown(unknown, frozenset(), "consent.")


def _read_time(evidence: dict[str, Any], unknown: dict[str, Any], warnings: dict[str, list[str]]) -> None:
    """Replace the time by its UTC form; what is no ISO 8601 date and time is moved to extra and warned of."""
    moment = parse_moment(evidence["at"])
    if moment is None:
        unknown["at"] = evidence.pop("at")
        warnings["consent"] = ["consent_at_invalid"]
    else:
        evidence["at"] = moment


def parse_moment(given: object) -> str | None:
    """ISO 8601 to UTC with `Z`; without a zone it is UTC. None for numbers, dates alone and years before 1990."""
    if type(given) is not str or len(given) < 16:
        return None
    try:
        moment = datetime.fromisoformat(given.strip())
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if moment < _EARLIEST:
        return None
    return given if len(given) == len("2026-01-05T10:00:00Z") and given[10::9] == "TZ" else iso_utc(moment)


def iso_utc(moment: datetime) -> str:
    """A UTC time as JSON has it, with `Z`."""
    return moment.isoformat().replace("+00:00", "Z")
