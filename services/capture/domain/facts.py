"""A lead's facts, merged so that neither order nor repetition of processing matters.

The state is a set of layers, one a record, joined by union and then thinned: a layer keeps only what it still decides.
Union is commutative, associative and idempotent, and thinning keeps the winner of every unit, so the state is the same
whichever way it was reached. Only the count of records beyond `thinning.EXACT_RECORDS` rests on records arriving once.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import orjson

from services.capture.domain.consent import iso_utc
from services.capture.domain.fact_shape import Facts, Layer, LeadFacts, Stamp
from services.capture.domain.hygiene import CleanSubmission
from services.capture.domain.lifecycle import joined_state
from services.capture.domain.survivorship import DEFAULT, Survivorship
from services.capture.domain.thinning import overlay, part_silent, thin

FORMAT: Final = 1

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_DAY: Final = timedelta(days=1)


def stamp_of(received_at: datetime, record_id: str) -> Stamp:
    """The stamp of a record; the time must have a zone."""
    return Stamp((received_at - _EPOCH) // timedelta(microseconds=1), record_id)


@lru_cache(maxsize=4096)
def instant_of(received_us: int) -> str:
    """A time of receipt (microseconds since 1970) as JSON has it, UTC with `Z`."""
    return iso_utc(_EPOCH + timedelta(microseconds=received_us))


@lru_cache(maxsize=4096)
def _latest_consent(received_us: int) -> str:
    return iso_utc(_EPOCH + timedelta(microseconds=received_us) + _ONE_DAY)


def facts_of(
    submission: CleanSubmission, stamp: Stamp, *, source_name: str, survivorship: Survivorship = DEFAULT
) -> LeadFacts:
    """The facts of a lead that has this one submission. `source_name` names whose external id it is."""
    facts = submission.facts
    if submission.external_id is not None:
        facts = {**facts, "i": [[source_name, submission.external_id]]}
    if "k" in facts and "at" in facts["k"]:
        facts = _without_future_consent(facts, stamp)
    if survivorship.by_trust:
        facts = {**facts, "s": source_name}
    return LeadFacts(0, (Layer(stamp, facts),), (), survivorship)


def _without_future_consent(facts: Facts, stamp: Stamp) -> Facts:
    """A consent time more than a day ahead of the receipt is moved to extra, with a warning."""
    at: str = facts["k"]["at"]
    if at <= _latest_consent(stamp.received_us):
        return facts
    evidence = {key: value for key, value in facts["k"].items() if key != "at"}
    changed: Facts = {**facts, "k": evidence}
    changed["x"] = {**facts.get("x", {}), "consent.at": at}
    changed["w"] = {**facts.get("w", {}), "consent": ["consent_at_invalid"]}
    return changed


def merge_facts(one: LeadFacts, other: LeadFacts) -> LeadFacts:
    """The facts of both: of a submission and its lead, or of two leads that are one person; under one survivorship."""
    one, other = joined_state(one, other)
    counted = one.counted + other.counted
    if other.layers[0].stamp > one.layers[-1].stamp:  # the newest submission mostly comes last
        return thin(counted, [*one.layers, *other.layers], (*one.silent, *other.silent), one.survivorship)
    layers = {layer.stamp: layer for layer in one.layers}
    for layer in other.layers:
        known = layers.get(layer.stamp)
        layers[layer.stamp] = layer if known is None else overlay(known, layer)
    silent = {*one.silent, *other.silent} - layers.keys()
    return thin(counted, sorted(layers.values(), key=lambda layer: layer.stamp), sorted(silent), one.survivorship)


def state_to_json(state: LeadFacts) -> bytes:
    """The stored form."""
    return orjson.dumps([FORMAT, state.counted, [[*layer.stamp, layer.facts] for layer in state.named()]])


def state_from_json(stored: bytes | str, survivorship: Survivorship = DEFAULT) -> LeadFacts:
    """The facts of a stored form, to be merged by this survivorship. Raises ValueError for another format."""
    version, counted, layers = orjson.loads(stored)
    if version != FORMAT:
        raise ValueError(f"lead facts of format {version}, this build reads {FORMAT}")
    named = [Layer(Stamp(us, record_id), facts) for us, record_id, facts in layers]
    return part_silent(counted, named, (), survivorship)
