"""What a night's look at a lead changes: fields that grew stale, ways that lead to nobody, doubts, a new employer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple, cast

from services.capture.domain.fact_shape import Facts, LeadFacts, Stamp
from services.capture.domain.freshness import FACTS, FIELDS, Hygiene, stale_at
from services.capture.domain.lifecycle import CONFIRMED, STALE, marked, stale_of, units_of
from services.capture.domain.normalise.company import normalise_company
from services.capture.domain.normalise.text import clean_text
from services.capture.domain.verifying import Finding

INVALID_EMAIL: Final = "invalid_email"
INVALID_PHONE: Final = "invalid_phone"
_KNOWN: Final = frozenset("efip")
_DOUBTS: Final = "verification"
_NOTHING: Final[Mapping[str, Any]] = {}
# What may be confirmed at most: of a finding, which comes from elsewhere.
_LONGEST: Final = 200


class Cleaned(NamedTuple):
    """What is new of a lead: units of its life, other facts, and in words what was found."""

    units: Mapping[str, Any]
    more: Facts
    found: Mapping[str, Any]


def clean(facts: LeadFacts, finding: Finding, hygiene: Hygiene, now: datetime, at: str) -> Cleaned | None:
    """What a finding and the time that has passed change of a lead; None where that is nothing. `at` is `now` as text."""
    if not any(layer.facts.keys() & _KNOWN for layer in facts.layers):
        return None  # erased: nobody is known
    confirmed = {CONFIRMED + name: at for name in finding.confirmed if name in FIELDS}
    taken = _taken(facts, finding, hygiene)
    units: dict[str, Any] = {**_ways(facts, finding, at), **confirmed}
    told = {*taken, *(name.removeprefix(CONFIRMED) for name in confirmed)}
    stale = [name for name, since in stale_at(facts, hygiene).items() if since <= now and name not in told]
    was_stale = stale_of(facts)
    if stale != was_stale:
        units[STALE] = stale
    more: dict[str, Any] = {"f": taken} if taken else {}
    doubts = _doubts(facts)
    if list(finding.risks) != doubts:
        more["w"] = {_DOUBTS: list(finding.risks)}
    if not units and not more:
        return None
    found = {
        "stale": stale,
        "risks": list(finding.risks),
        "changed": sorted(taken),
        "confirmed": sorted(told - {*taken}),
    }
    return Cleaned(units, cast(Facts, more), {name: value for name, value in found.items() if value})


def cleaned(facts: LeadFacts, stamp: Stamp, change: Cleaned) -> LeadFacts:
    """The facts with that change: no submission, and no touch."""
    return marked(facts, stamp, change.units, change.more)


def _ways(facts: LeadFacts, finding: Finding, at: str) -> dict[str, Any]:
    """Ways that lead to nobody, and those of which only an earlier night said so. What people said of them stands."""
    said = units_of(facts)
    found: dict[str, Any] = {}
    for channel, lost, reason in (
        ("email", finding.undeliverable, INVALID_EMAIL),
        ("phone", finding.unreachable, INVALID_PHONE),
    ):
        found |= {f"{channel}:{value}": [reason, at] for value in lost if not said.get(f"{channel}:{value}")}
    for unit, mark in said.items():
        channel, _, value = unit.partition(":")
        if channel == "email" and value and mark and mark[0] == INVALID_EMAIL and value not in finding.undeliverable:
            found[unit] = None
    return found


def _taken(facts: LeadFacts, finding: Finding, hygiene: Hygiene) -> dict[str, Any]:
    """What the finding knows better, as facts have it: where nothing is known, or where it may take the place of that."""
    known = {unit: value for layer in facts.layers for unit, value in layer.facts.get("f", _NOTHING).items()}
    taken: dict[str, Any] = {}
    for name in FACTS:
        value = _fact(name, finding.facts.get(name))
        if value is None or value == known.get(name):
            continue
        if name not in known or hygiene.fill.get(name) == "overwrite":
            taken[name] = value
    return taken


def _fact(name: str, given: str | None) -> Any:
    if not given or len(given) > _LONGEST:
        return None
    if name == "company.name":
        company = normalise_company(given)
        return None if company.value is None else [company.value, company.match_key]
    return clean_text(given)


def _doubts(facts: LeadFacts) -> list[str]:
    found = [layer.facts["w"][_DOUBTS] for layer in facts.layers if _DOUBTS in layer.facts.get("w", _NOTHING)]
    return found[-1] if found else []
