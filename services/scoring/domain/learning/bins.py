"""Facts in bins: for each field the values that many leads share, each as a condition that a rule can ask."""

import itertools
from array import array
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.rules import fold_text

Row = Mapping[str, Any]
"""Facts of a lead by dotted path: texts, numbers, booleans. What is not known is absent."""
Condition = Mapping[str, Any]

MOST_VALUES: Final = 40
_QUANTILES: Final = 5
_LONGEST_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Bin:
    """Leads that answer a condition alike. `rows` are their places."""

    field: str
    label: str
    condition: Condition
    rows: "array[int]"


def find_bins(rows: Sequence[Row], support: int) -> list[Bin]:
    """The bins of every field that at least `support` leads are in, and at least as many are not in."""
    fields = sorted({field for row in rows for field in row})
    found: list[Bin] = []
    for field in fields:
        known = [(place, row[field]) for place, row in enumerate(rows) if field in row]
        bins = [_missing(field, rows), *_of_kind(field, known)]
        found += [each for each in bins if support <= len(each.rows) <= len(rows) - support]
    return found


def _of_kind(field: str, known: Sequence[tuple[int, Any]]) -> list[Bin]:
    if all(isinstance(value, bool) for _, value in known):
        return [_bin(field, str(flag).lower(), {"field": field, "eq": flag}, known, flag) for flag in (True, False)]
    if all(isinstance(value, int | float) and not isinstance(value, bool) for _, value in known):
        return _ranges(field, known)
    return _texts(field, known)


def _missing(field: str, rows: Sequence[Row]) -> Bin:
    places = array("i", (place for place, row in enumerate(rows) if field not in row))
    return Bin(field, "not known", {"field": field, "is_empty": True}, places)


def _bin(field: str, label: str, condition: Condition, known: Sequence[tuple[int, Any]], value: Any) -> Bin:
    return Bin(field, label, condition, array("i", (place for place, each in known if each == value)))


def _texts(field: str, known: Sequence[tuple[int, Any]]) -> list[Bin]:
    """The commonest values, each as it is most often written."""
    places: dict[str, array[int]] = defaultdict(lambda: array("i"))
    written: dict[str, Counter[str]] = defaultdict(Counter)
    for place, value in known:
        if isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT:
            folded = fold_text(value)
            places[folded].append(place)
            written[folded][value] += 1
    commonest = sorted(places, key=lambda folded: (-len(places[folded]), folded))[:MOST_VALUES]
    spelt = {folded: min(written[folded].items(), key=lambda item: (-item[1], item[0]))[0] for folded in commonest}
    return [Bin(field, spelt[f], {"field": field, "eq": spelt[f]}, places[f]) for f in commonest]


def _ranges(field: str, known: Sequence[tuple[int, Any]]) -> list[Bin]:
    """Parts of about equal size, from one edge to before the next."""
    ordered = sorted(value for _, value in known)
    cuts = {ordered[len(ordered) * part // _QUANTILES] for part in range(1, _QUANTILES)} - {ordered[0]}
    edges = [None, *sorted(cuts), None]
    found = []
    for low, high in itertools.pairwise(edges):
        if low is None and high is None:
            continue
        places = array("i", (n for n, v in known if (low is None or v >= low) and (high is None or v < high)))
        found.append(Bin(field, _range_label(low, high), _range_condition(field, low, high), places))
    return found


def _range_label(low: Any, high: Any) -> str:
    if low is None:
        return f"below {high:g}"
    return f"{low:g} or more" if high is None else f"{low:g} to below {high:g}"


def _range_condition(field: str, low: Any, high: Any) -> Condition:
    if low is None:
        return {"field": field, "lt": high}
    if high is None:
        return {"field": field, "gte": low}
    return {"all": [{"field": field, "gte": low}, {"field": field, "lt": high}]}
