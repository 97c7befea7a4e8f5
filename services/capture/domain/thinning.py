"""What a record's layer still decides, seen beside all others: each unit stays in one layer only."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from services.capture.domain.consent import is_confirmed
from services.capture.domain.fact_shape import Facts, Layer, LeadFacts, Stamp
from services.capture.domain.survivorship import DEFAULT, NAME_PARTS, Survivorship

# Records with nothing left are still named, so that a repetition is recognised, up to this many of the newest.
EXACT_RECORDS: Final = 256
# Of the fields that the contract does not know, a lead keeps this many, those that were sent last.
MOST_EXTRA: Final = 500
# Begins the record id of what is no submission: a mark on the lead, never a touch. It sorts behind submissions.
MARK: Final = "~"
# Begins the units of `m` that name a company somebody was at before: the rest is its key, the value its name.
EMPLOYER: Final = "employer:"
# Companies that are remembered of a lead, with the one that it is at: those that were named last.
MOST_COMPANIES: Final = 10
_COMPANY: Final = "company.name"
_NOTHING: Final[Mapping[str, Any]] = {}


def overlay(one: Layer, other: Layer) -> Layer:
    """Two remainders of one record as one that has what either has. What neither should keep, thinning removes."""
    facts = cast(dict[str, Any], dict(one.facts))
    for part, theirs in other.facts.items():
        ours = facts.get(part)
        if ours is None or part in ("t", "k"):
            facts[part] = theirs
        elif isinstance(theirs, dict):
            facts[part] = {**ours, **theirs}
        elif isinstance(theirs, list):
            facts[part] = ours + [entry for entry in theirs if entry not in ours]
    return Layer(one.stamp, cast(Facts, facts))


def thin(
    counted: int, layers: Sequence[Layer], silent: Sequence[Stamp] = (), survivorship: Survivorship = DEFAULT
) -> LeadFacts:
    """The facts of layers in ascending order, without what another one decides: a later one, for first contact an
    earlier one, or whichever survivorship names.

    What is silent is not looked at: the next submission of a busy lead costs what its few deciding layers cost.
    """
    if len(layers) < 2:
        return LeadFacts(counted, tuple(layers), tuple(silent), survivorship)
    winners = _Winners(layers, survivorship)
    kept = [Layer(layer.stamp, winners.of(index, layer.facts)) for index, layer in enumerate(layers)]
    return part_silent(counted, kept, silent, survivorship)


def part_silent(
    counted: int, layers: Sequence[Layer], silent: Sequence[Stamp] = (), survivorship: Survivorship = DEFAULT
) -> LeadFacts:
    """Layers in ascending order, parted: the first and the last submission always stay, the others and marks as long as
    they decide something. Beyond the newest EXACT_RECORDS, submissions that decide nothing are only counted."""
    if len(layers) < 2:
        return LeadFacts(counted, tuple(layers), tuple(silent), survivorship)
    touches = touches_of(layers)
    ends = (*touches[:1], *touches[-1:])
    fallen = [layer.stamp for layer in touches[1:-1] if not layer.facts]
    if fallen:
        silent = sorted((*silent, *fallen))
    surplus = max(0, len(silent) - EXACT_RECORDS)
    kept = tuple(layer for layer in layers if layer.facts or any(layer is end for end in ends))
    return LeadFacts(counted + surplus, kept, tuple(silent[surplus:]), survivorship)


def _is_address(parts: Mapping[str, Any]) -> bool:
    """A country alone is no address: it does not replace one, however new."""
    return len(parts) > 1 or "country" not in parts


def is_mark(layer: Layer) -> bool:
    """Whether this is a mark on the lead, not a submission."""
    return layer.stamp.record_id.startswith(MARK)


def touches_of(layers: Sequence[Layer]) -> Sequence[Layer]:
    """The submissions among layers; a lead has at least one."""
    return [layer for layer in layers if not is_mark(layer)]


class _Winners:
    """For every unit the index of the layer that decides it."""

    __slots__ = (
        "addresses",
        "companies",
        "consent",
        "earliest",
        "emails",
        "ends",
        "extra",
        "ids",
        "latest",
        "left",
        "life",
        "notes",
        "phones",
        "survivorship",
        "united",
    )

    def __init__(self, layers: Sequence[Layer], survivorship: Survivorship) -> None:
        self.survivorship = survivorship
        self.united: dict[tuple[str, str], int] = {}
        touches = [index for index, layer in enumerate(layers) if not is_mark(layer)]
        self.ends = (touches[0], touches[-1]) if touches else ()
        self.latest: dict[str, int] = {}
        self.addresses: tuple[bool, int] | None = None
        self.earliest: dict[str, int] = {}
        self.extra: dict[str, int] = {}
        self.life: dict[str, int] = {}
        self.companies: list[int] = []
        self.left: dict[int, tuple[str, str]] = {}
        self.notes: dict[str, int] = {}
        self.consent: dict[str, tuple[bool, int]] = {}
        self.emails: dict[str | None, int] = {}
        self.phones: dict[str | None, int] = {}
        self.ids: dict[tuple[str, ...], int] = {}
        for index, layer in enumerate(layers):
            self._note_values(index, layer.facts)
            self._note_sets(index, layer.facts)
        if self.addresses is not None:
            self.latest["address"] = self.addresses[1]
        if survivorship is not DEFAULT:
            self._rank_values(layers)
        if len(self.companies) > 1 and _COMPANY not in survivorship.ranks:
            self._note_employers(layers)
        if len(self.extra) > MOST_EXTRA:
            newest = sorted(self.extra.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)
            self.extra = dict(newest[:MOST_EXTRA])

    def _note_values(self, index: int, facts: Facts) -> None:
        given = facts.get("f", _NOTHING)
        for unit in given:
            self.latest[unit] = index
        if "address" in given:
            self.addresses = max(self.addresses or (False, -1), (_is_address(given["address"]), index))
        if _COMPANY in given:
            self.companies.append(index)
        for unit in facts.get("o", ()):
            self.earliest.setdefault(unit, index)
        for key in facts.get("x", ()):
            self.extra[key] = index
        for unit in facts.get("m", ()):
            self.life[unit] = index
        for unit in (*facts.get("r", ()), *facts.get("w", ())):
            self.notes[unit] = index

    def _rank_values(self, layers: Sequence[Layer]) -> None:
        """The fields that are not decided as by default."""
        best: dict[str, tuple[Any, ...]] = {}
        for index, layer in enumerate(layers):
            given = layer.facts.get("f", _NOTHING)
            for unit in given.keys() & self.survivorship.ranks.keys():
                rank = self.survivorship.ranks[unit](index, layer.facts, given[unit])
                whole = unit != "address" or _is_address(given[unit])
                best[unit] = max(best.get(unit, ()), (whole, rank, index))
            for unit in given.keys() & self.survivorship.united:
                for entry in given[unit]:
                    self.united.setdefault((unit, entry), index)
        self.latest.update({unit: found[-1] for unit, found in best.items()})
        if "name" in best and any(best[part][:2] > best["name"][:2] for part in best.keys() & NAME_PARTS):
            self.latest["name"] = -1  # its parts are known better

    def _note_employers(self, layers: Sequence[Layer]) -> None:
        """Companies that were named before the newest one, each where it was named last; of many, the last ones."""
        named = {index: layers[index].facts["f"][_COMPANY] for index in self.companies}
        keys = {index: key or name for index, (name, key) in named.items()}
        for index, key in keys.items():
            self.life[EMPLOYER + key] = max(self.life.get(EMPLOYER + key, -1), index)
        known = sorted((index, unit) for unit, index in self.life.items() if unit.startswith(EMPLOYER))
        for _, unit in known[:-MOST_COMPANIES]:
            del self.life[unit]
        self.life.pop(EMPLOYER + keys[self.companies[-1]], None)
        for index, key in keys.items():
            if self.life.get(EMPLOYER + key) == index:
                self.left[index] = EMPLOYER + key, named[index][0]

    def _life(self, index: int, said: Mapping[str, Any]) -> dict[str, Any]:
        """What the layer at an index still says of the lead's life."""
        kept = {unit: value for unit, value in said.items() if self.life.get(unit) == index}
        if index in self.left:
            unit, name = self.left[index]
            kept[unit] = name
        return kept

    def _values(self, index: int, given: Mapping[str, Any]) -> dict[str, Any]:
        """The values that stay in the layer at an index."""
        kept = {unit: value for unit, value in given.items() if self.latest[unit] == index}
        for unit in given.keys() & self.survivorship.united:
            entries = [entry for entry in given[unit] if self.united[unit, entry] == index]
            kept[unit] = entries
            if not entries:
                del kept[unit]
        return kept

    def _note_sets(self, index: int, facts: Facts) -> None:
        for purpose, given in facts.get("c", {}).items():
            stands = not given or is_confirmed(facts, purpose)
            self.consent[purpose] = max(self.consent.get(purpose, (False, -1)), (stands, index))
        for entry in facts.get("e", ()):
            self.emails.setdefault(entry[0] or entry[2], index)
        for entry in facts.get("p", ()):
            self.phones.setdefault(entry[1] or entry[2], index)
        for pair in facts.get("i", ()):
            self.ids.setdefault(tuple(pair), index)

    def _decides_note(self, unit: str, index: int) -> bool:
        """An original or a warning stays with the value it belongs to; without any value the newest stays."""
        owner = self.latest.get(unit, self.earliest.get(unit, self.notes[unit]))
        return owner == index

    def of(self, index: int, facts: Facts) -> Facts:
        """What the layer at an index still decides; parts with nothing left are left out."""
        kept: dict[str, Any] = {
            "f": self._values(index, facts.get("f", _NOTHING)),
            "o": {unit: value for unit, value in facts.get("o", {}).items() if self.earliest[unit] == index},
            "x": {key: value for key, value in facts.get("x", {}).items() if self.extra.get(key) == index},
            "m": self._life(index, facts.get("m", _NOTHING)),
            "r": {unit: value for unit, value in facts.get("r", {}).items() if self._decides_note(unit, index)},
            "w": {unit: value for unit, value in facts.get("w", {}).items() if self._decides_note(unit, index)},
            "e": [entry for entry in facts.get("e", ()) if self.emails[entry[0] or entry[2]] == index],
            "p": [entry for entry in facts.get("p", ()) if self.phones[entry[1] or entry[2]] == index],
            "i": [pair for pair in facts.get("i", ()) if self.ids[tuple(pair)] == index],
            "c": {key: given for key, given in facts.get("c", {}).items() if self.consent[key][1] == index},
        }
        if kept["c"]:
            kept["k"] = facts.get("k")
        if kept["f"] and self.survivorship.by_trust:
            kept["s"] = facts.get("s")
        if index in self.ends:
            kept["t"] = facts.get("t")
        return cast(Facts, {part: value for part, value in kept.items() if value})
