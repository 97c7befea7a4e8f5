"""What a lead's facts say of its life beside its submissions: a target or a lead, whom it can be reached by, what is stale.

These are units of the facts' part `m`; the latest of each stands. Only leads that are targets, or that somebody or
something has marked, have any.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast

from services.capture.domain.consent import iso_utc
from services.capture.domain.fact_shape import Facts, Layer, LeadFacts, Stamp
from services.capture.domain.thinning import EMPLOYER, is_mark, thin

PART: Final = "m"
STATE: Final = "state"
STALE: Final = "stale"
CONFIRMED: Final = "confirmed:"
JUNK: Final = "junk"

TARGET: Final = "target"
EXPIRED: Final = "expired"
LEAD: Final = "lead"

Channel = Literal["email", "phone"]
CHANNELS: Final[tuple[Channel, ...]] = ("email", "phone")
Mark = Literal["bounced", "invalid_phone", "opted_out", "reachable", "junk", "not_junk"]
MARKS: Final[Mapping[Mark, Channel | None]] = {
    "bounced": "email",
    "invalid_phone": "phone",
    "opted_out": None,
    "reachable": None,
    "junk": None,
    "not_junk": None,
}
"""What may be said of a way to reach somebody, and of which channel it is where it is of one only. Junk, which routing says, is
not to be reached at all."""


def state_of(facts: LeadFacts) -> str:
    """`lead`, `target`, or `expired`: a target that never responded."""
    return cast(str, units_of(facts).get(STATE, LEAD))


def list_of(facts: LeadFacts) -> str | None:
    """The name of the list that the person came with first."""
    for layer in facts.layers:
        if (listed := layer.facts.get("o", {}).get("list")) is not None:
            return cast(str, listed["name"])
    return None


def as_lead(facts: LeadFacts) -> LeadFacts:
    """The same, promoted: whatever else lists say of the person, it has responded."""
    return _without(facts, STATE)


def joined_state(one: LeadFacts, other: LeadFacts) -> tuple[LeadFacts, LeadFacts]:
    """Both as they go together: a target is one that nothing but lists has named."""
    return _only_of_both(one, other, STATE)


def joined_junk(one: LeadFacts, other: LeadFacts) -> tuple[LeadFacts, LeadFacts]:
    """Two leads as they become one person, who is junk only where both are."""
    return _only_of_both(one, other, JUNK)


def marked(facts: LeadFacts, stamp: Stamp, units: Mapping[str, Any], more: Facts | None = None) -> LeadFacts:
    """The facts with what became known at that moment: no submission, so that a target stays one. `more` is what else it
    says, such as a refusal."""
    said = cast(Facts, {**(more or {}), PART: dict(units)})
    layers = {layer.stamp: layer for layer in facts.layers}
    layers[stamp] = Layer(stamp, said)
    return thin(facts.counted, sorted(layers.values(), key=lambda layer: layer.stamp), facts.silent, facts.survivorship)


def units_of_mark(
    facts: LeadFacts,
    mark: Mark,
    channel: Channel | None,
    at: str,
    is_meant: Callable[[Channel, str], bool] | None = None,
) -> dict[str, Any]:
    """What a mark says. A bounce is of the addresses that are known now, or of those that are meant, by their normalised
    values: one that comes later has not bounced."""
    channels = CHANNELS if channel is None else (channel,)
    if mark == "reachable":
        return {unit: None for unit in units_of(facts) if unit.partition(":")[0] in channels}
    said = [mark, at]
    if mark in ("junk", "not_junk"):
        return {JUNK: said if mark == "junk" else None}
    if mark == "opted_out":
        return dict.fromkeys(channels, said)
    return {
        f"{one}:{entry[1]}": said
        for one in channels
        for layer in facts.layers
        for entry in _entries(layer.facts, one)
        if entry[1] and (is_meant is None or is_meant(one, entry[1] if one == "phone" else entry[0] or ""))
    }


def refusals_of(mark: Mark, channel: Channel | None) -> dict[str, bool]:
    """The consent that a mark takes back."""
    if mark != "opted_out":
        return {}
    return {f"marketing_{one}": False for one in CHANNELS if channel in (None, one)}


def lifecycle_fields(facts: LeadFacts) -> dict[str, Any]:
    """The fields of a published lead that rest on these units; those that say nothing are left out."""
    units = units_of(facts)
    fields: dict[str, Any] = {}
    if state := units.get(STATE):
        fields["state"] = state
    if contactable := _contactable(facts, units):
        fields["contactable"] = contactable
    if stale := stale_of(facts):
        fields["stale_fields"] = stale
    if employers := _previous_companies(facts):
        fields["previous_companies"] = employers
    return fields


def units_of(facts: LeadFacts) -> dict[str, Any]:
    """What is said of the life of a lead, by unit; the latest of each stands."""
    return {unit: value for layer in facts.layers for unit, value in layer.facts.get("m", {}).items()}


def _only_of_both(one: LeadFacts, other: LeadFacts, unit: str) -> tuple[LeadFacts, LeadFacts]:
    of_one, of_other = (bool(units_of(facts).get(unit)) for facts in (one, other))
    if of_one == of_other:
        return one, other
    return (_without(one, unit), other) if of_one else (one, _without(other, unit))


def _without(facts: LeadFacts, unit: str) -> LeadFacts:
    return facts._replace(layers=tuple(_layer_without(layer, unit) for layer in facts.layers))


def _layer_without(layer: Layer, unit: str) -> Layer:
    if unit not in layer.facts.get("m", {}):
        return layer
    kept = {name: value for name, value in layer.facts["m"].items() if name != unit}
    facts = {part: value for part, value in layer.facts.items() if part != PART}
    return Layer(layer.stamp, cast(Facts, {**facts, PART: kept} if kept else facts))


def _values(facts: LeadFacts, channel: Channel) -> list[str]:
    """The addresses or numbers of a channel that can be read."""
    return [value for layer in facts.layers for value in _readable(layer.facts, channel)]


def _readable(facts: Facts, channel: Channel) -> Iterator[str]:
    return (entry[1] for entry in _entries(facts, channel) if entry[1])


def _entries(facts: Facts, channel: Channel) -> Sequence[Any]:
    return facts.get("e", ()) if channel == "email" else facts.get("p", ())


def _contactable(facts: LeadFacts, units: Mapping[str, Any]) -> dict[str, Any]:
    """By channel whether somebody can be reached, where anything is known against it, and whether by any at all."""
    found: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    ways = 0
    for channel in CHANNELS:
        values = _values(facts, channel)
        against = [said for value in values if (said := units.get(f"{channel}:{value}"))]
        refused = units.get(channel)
        if refused or (values and len(against) == len(values)):
            found[channel], reasons[channel] = False, (refused or against[-1])[0]
        elif values:
            ways += 1
    if units.get(JUNK):
        return {**dict.fromkeys(CHANNELS, False), "any": False, "reasons": dict.fromkeys(CHANNELS, JUNK) | reasons}
    if not found:
        return {}
    return {**found, "any": ways > 0, "reasons": reasons}


def stale_of(facts: LeadFacts) -> list[str]:
    """Fields that were flagged and have not been told or confirmed since."""
    flagged = [(layer.stamp, layer.facts["m"][STALE]) for layer in facts.layers if STALE in layer.facts.get("m", {})]
    if not flagged:
        return []
    stamp, fields = flagged[-1]
    renewed = {field for layer in facts.layers if layer.stamp > stamp for field in fields_told(layer)}
    return [field for field in fields if field not in renewed]


def fields_told(layer: Layer) -> set[str]:
    """The fields that a record tells or confirms. Whoever comes, comes by an address or number that is in use."""
    confirmed = {unit.removeprefix(CONFIRMED) for unit in layer.facts.get("m", ()) if unit.startswith(CONFIRMED)}
    return confirmed | set(layer.facts.get("f", ())) | (set() if is_mark(layer) else set(CHANNELS))


def _previous_companies(facts: LeadFacts) -> list[dict[str, Any]]:
    """Where somebody was before, the earliest first; another spelling of a company that came later is no other one."""
    named = [found for layer in facts.layers for found in _companies_in(layer)]
    previous: list[dict[str, Any]] = []
    for place, (key, name, _) in enumerate(named):
        later = [found for found in named[place + 1 :] if not _is_spelling(key, found[0])]
        if later and len(later) == len(named) - place - 1:
            until = datetime.fromtimestamp(later[0][2] / 1_000_000, UTC)
            previous.append({"name": name, "until": iso_utc(until)})
    return previous


def _companies_in(layer: Layer) -> Iterator[tuple[str, str, int]]:
    """Key, name, and when it was named."""
    for unit, name in layer.facts.get("m", {}).items():
        if unit.startswith(EMPLOYER):
            yield unit.removeprefix(EMPLOYER), name, layer.stamp.received_us
    if "company.name" in layer.facts.get("f", ()):
        name, key = layer.facts["f"]["company.name"]
        yield key or name, name, layer.stamp.received_us


def _is_spelling(key: str, other: str) -> bool:
    """Whether two keys may be one company's: the words of one are all in the other."""
    one, two = set(key.split()), set(other.split())
    return one <= two or two <= one
