"""What a lead's facts say of its life beside its submissions: a target or a lead, whom it can be reached by, what is stale.

These are units of the facts' part `m`; the latest of each stands. Only leads that are targets, or that somebody or
something has marked, have any.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, cast

from services.capture.domain.fact_shape import Facts, Layer, LeadFacts, Stamp
from services.capture.domain.thinning import thin

PART: Final = "m"
STATE: Final = "state"
STALE: Final = "stale"
CHECKED: Final = "checked"
EMPLOYER: Final = "employer:"

TARGET: Final = "target"
EXPIRED: Final = "expired"
LEAD: Final = "lead"

Channel = Literal["email", "phone"]
CHANNELS: Final[tuple[Channel, ...]] = ("email", "phone")
Mark = Literal["bounced", "invalid_phone", "opted_out", "reachable"]
MARKS: Final[Mapping[Mark, Channel | None]] = {
    "bounced": "email",
    "invalid_phone": "phone",
    "opted_out": None,
    "reachable": None,
}
"""What may be said of a way to reach somebody, and of which channel it is where it is of one only."""


def state_of(facts: LeadFacts) -> str:
    """`lead`, `target`, or `expired`: a target that never responded."""
    return cast(str, _units(facts).get(STATE, LEAD))


def list_of(facts: LeadFacts) -> str | None:
    """The name of the list that the person came with first."""
    for layer in facts.layers:
        if (listed := layer.facts.get("o", {}).get("list")) is not None:
            return cast(str, listed["name"])
    return None


def as_lead(facts: LeadFacts) -> LeadFacts:
    """The same, promoted: whatever else lists say of the person, it has responded."""
    return facts._replace(layers=tuple(_without_state(layer) for layer in facts.layers))


def joined_state(one: LeadFacts, other: LeadFacts) -> tuple[LeadFacts, LeadFacts]:
    """Both as they go together: a target is one that nothing but lists has named."""
    of_one, of_other = STATE in _units(one), STATE in _units(other)
    if of_one == of_other:
        return one, other
    return (as_lead(one), other) if of_one else (one, as_lead(other))


def marked(facts: LeadFacts, stamp: Stamp, units: Mapping[str, Any], more: Facts | None = None) -> LeadFacts:
    """The facts with what became known at that moment: no submission, so that a target stays one. `more` is what else it
    says, such as a refusal."""
    said = cast(Facts, {**(more or {}), PART: dict(units)})
    layers = {layer.stamp: layer for layer in facts.layers}
    layers[stamp] = Layer(stamp, said)
    return thin(facts.counted, sorted(layers.values(), key=lambda layer: layer.stamp), facts.silent, facts.survivorship)


def units_of_mark(facts: LeadFacts, mark: Mark, channel: Channel | None, at: str) -> dict[str, Any]:
    """What a mark says. A bounce is of the addresses that are known now: one that comes later has not bounced."""
    channels = CHANNELS if channel is None else (channel,)
    if mark == "reachable":
        return {unit: None for unit in _units(facts) if unit.partition(":")[0] in channels}
    said = [mark, at]
    if mark == "opted_out":
        return dict.fromkeys(channels, said)
    return {f"{one}:{value}": said for one in channels for value in _values(facts, one)}


def refusals_of(mark: Mark, channel: Channel | None) -> dict[str, bool]:
    """The consent that a mark takes back."""
    if mark != "opted_out":
        return {}
    return {f"marketing_{one}": False for one in CHANNELS if channel in (None, one)}


def lifecycle_fields(facts: LeadFacts) -> dict[str, Any]:
    """The fields of a published lead that rest on these units; those that say nothing are left out."""
    units = _units(facts)
    fields: dict[str, Any] = {}
    if state := units.get(STATE):
        fields["state"] = state
    if contactable := _contactable(facts, units):
        fields["contactable"] = contactable
    if stale := _stale(facts):
        fields["stale_fields"] = stale
    if employers := [value for unit, value in sorted(units.items()) if unit.startswith(EMPLOYER)]:
        fields["previous_companies"] = employers
    return fields


def _units(facts: LeadFacts) -> dict[str, Any]:
    return {unit: value for layer in facts.layers for unit, value in layer.facts.get("m", {}).items()}


def _without_state(layer: Layer) -> Layer:
    if STATE not in layer.facts.get("m", {}):
        return layer
    kept = {unit: value for unit, value in layer.facts["m"].items() if unit != STATE}
    facts = {part: value for part, value in layer.facts.items() if part != PART}
    return Layer(layer.stamp, cast(Facts, {**facts, PART: kept} if kept else facts))


def _values(facts: LeadFacts, channel: Channel) -> list[str]:
    """The addresses or numbers of a channel that can be read."""
    return [value for layer in facts.layers for value in _readable(layer.facts, channel)]


def _readable(facts: Facts, channel: Channel) -> Iterator[str]:
    for entry in facts.get("e", ()) if channel == "email" else facts.get("p", ()):
        if entry[1]:
            yield entry[1]


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
    if not found:
        return {}
    return {**found, "any": ways > 0, "reasons": reasons}


def _stale(facts: LeadFacts) -> list[str]:
    """Fields that were flagged and have not been told anew since."""
    flagged = [(layer.stamp, layer.facts["m"][STALE]) for layer in facts.layers if STALE in layer.facts.get("m", {})]
    if not flagged:
        return []
    stamp, fields = flagged[-1]
    renewed = {unit for layer in facts.layers if layer.stamp > stamp for unit in units_told(layer.facts)}
    return [field for field in fields if field not in renewed]


def units_told(facts: Facts) -> set[str]:
    """The fields that a record tells: what was stale of them is not any more."""
    return set(facts.get("f", ())) | ({"email"} if facts.get("e") else set()) | ({"phone"} if facts.get("p") else set())
