"""Columns of a file to fields of a lead, row after row; what a cell could not give is flagged by column."""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from services.capture.domain.normalise.address_line import parse_address_line
from services.capture.domain.placing import EXTRA, LISTS, place_text
from services.capture.importing.cells import (
    TAKEN,
    DateOrder,
    Decimal,
    Flag,
    exact_digits,
    money,
    plain_number,
    read_date,
)
from services.capture.importing.profile import Profile
from services.capture.importing.synonyms import EXTRA_DATE, FULL_ADDRESS, IGNORED

# Cells that spreadsheets and forms leave where nothing was chosen or a formula failed. They are taken as blank.
PLACEHOLDERS: Final = (
    "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "Select",
)  # fmt: skip
MAPPING_KEY: Final = "import_mapping"
FLAGS_KEY: Final = "import_flags"
OVERFLOW_KEY: Final = "columns"
# Begins the places of what a list was chosen by: any name may follow.
LIST_PARAM: Final = "list.params."
# A submission may have 200 keys: cells of more columns than this are kept as pairs under one.
MAX_EXTRA: Final = 120
# What our own exports write before a cell that a spreadsheet would take for a formula.
_GUARDED: Final = re.compile("'[=+\\-@\t\r＝＋－＠]")  # noqa: RUF001 - full width on purpose

Setter: TypeAlias = Callable[[dict[str, Any], str], Flag | None]


@dataclass(frozen=True, slots=True)
class Column:
    """A column and the field it goes to; None keeps it in `extra` under its name. `confidence` is how sure the name
    alone makes it; `maybe` names a field that was too unsure to be taken."""

    name: str
    place: str | None
    confidence: float = 1.0
    maybe: str | None = None
    order: DateOrder | None = None


@dataclass(slots=True)
class ColumnMapping:
    """Makes documents, as `POST /v1/leads` takes them, of rows. Counts placeholders and flags by column as it goes.

    `label` names the mapping on every lead: its name, its version and the beginning of its digest.
    """

    columns: tuple[Column, ...]
    constants: Mapping[str, str] = field(default_factory=dict)
    placeholders: frozenset[str] = frozenset(PLACEHOLDERS)
    label: str | None = None
    decimal: Decimal | None = None
    separator: str | None = None
    blanked: Counter[str] = field(default_factory=Counter)
    flagged: Counter[tuple[str, Flag]] = field(default_factory=Counter)
    profile: Profile = field(default_factory=Profile)
    _setters: tuple[tuple[str, Setter | None, int], ...] = ()

    def __post_init__(self) -> None:
        self._setters = tuple(
            (column.name, self._setter(column), place)
            for place, column in enumerate(self.columns)
            if column.place != IGNORED
        )

    def document(self, cells: Sequence[str]) -> dict[str, Any]:
        """The lead of a row. A cell that its field cannot take is kept in `extra`, so that it costs no row."""
        document: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        flags: dict[str, Flag] = {}
        for name, put, place in self._setters:
            cell = cells[place]
            text = cell.strip()
            if not text:
                continue
            if text in self.placeholders:
                self.blanked[name] += 1
                continue
            if text[0] == "'" and _GUARDED.match(text):
                cell = text = text[1:]
            if put is None:
                extra[name] = cell
                continue
            flag = put(document, text)
            if flag is not None:
                flags[name] = flag
                self.flagged[name, flag] += 1
                if flag not in TAKEN:
                    extra[name] = cell
        self._finish(document, extra, flags)
        return document

    def _finish(self, document: dict[str, Any], extra: dict[str, Any], flags: dict[str, Flag]) -> None:
        if dates := document.pop(EXTRA_DATE, None):
            extra.update(dates)
        if len(extra) > MAX_EXTRA:
            extra = {OVERFLOW_KEY: [list(pair) for pair in extra.items()]}
        if flags:
            extra[FLAGS_KEY] = [f"{name}: {flag}" for name, flag in flags.items()]
        if self.label is not None:
            extra[MAPPING_KEY] = self.label
        for place, value in self.constants.items():
            if not _has(document, place):
                _setter_of(place, None)(document, value)
        if extra:
            document["extra"] = extra

    def _setter(self, column: Column) -> Setter | None:
        place = column.place
        if place is None or place == EXTRA:
            return None
        if place == EXTRA_DATE:
            return _own_date(column.name, column.order)
        if place in ("emails", "phones") and self.separator is not None:
            return _several(_setter_of(place, self.decimal), self.separator)
        if place in ("phones", "address.postal_code"):
            return _watching_zeros(_setter_of(place, self.decimal), self.profile, column.name, place)
        return _setter_of(place, self.decimal, column.order)


def _has(document: Mapping[str, Any], place: str) -> bool:
    part, _, key = place.partition(".")
    return part in document and (not key or key in document[part])


def _setter_of(place: str, decimal: Decimal | None, order: DateOrder | None = None) -> Setter:
    """Puts a cell where it belongs; a flag where there is something to say of it."""
    part, _, key = place.partition(".")
    if place in LISTS:
        return _listed(place)
    if place == FULL_ADDRESS:
        return _address
    if place.startswith(LIST_PARAM):
        return _list_param(place.removeprefix(LIST_PARAM))
    if place == "company.employees":
        return _employees(decimal)
    if place in ("company.annual_revenue", "budget"):
        return _amount(place, decimal)
    if place == "consent.at":
        return _consent_time(order)
    if part == "refused" or (part == "consent" and key != "text"):
        return _consent(place)
    if place in ("external_id", "address.postal_code"):
        return _exact(part, key)
    return _text(part, key)


def _placed(document: dict[str, Any], part: str, key: str, value: Any) -> None:
    if key:
        document.setdefault(part, {})[key] = value
    else:
        document[part] = value


def _text(part: str, key: str) -> Setter:
    def put(document: dict[str, Any], text: str) -> None:
        if key:
            document.setdefault(part, {})[key] = text
        else:
            document[part] = text

    return put


def _list_param(name: str) -> Setter:
    def put(document: dict[str, Any], text: str) -> None:
        document.setdefault("list", {}).setdefault("params", {})[name] = text

    return put


def _exact(part: str, key: str) -> Setter:
    def put(document: dict[str, Any], text: str) -> Flag | None:
        digits, flag = exact_digits(text)
        if flag is None:
            _placed(document, part, key, digits)
        return flag

    return put


def _listed(place: str) -> Setter:
    def put(document: dict[str, Any], text: str) -> Flag | None:
        flag: Flag | None = None
        if place == "phones":
            text, flag = exact_digits(text)
        if flag is None:
            document.setdefault(place, []).append(text)
        return flag

    return put


def _several(put_one: Setter, separator: str) -> Setter:
    def put(document: dict[str, Any], text: str) -> Flag | None:
        flags = [put_one(document, part) for one in text.split(separator) if (part := one.strip())]
        return next((flag for flag in flags if flag is not None), None)

    return put


def _watching_zeros(put_it: Setter, profile: Profile, name: str, place: str) -> Setter:
    def put(document: dict[str, Any], text: str) -> Flag | None:
        flag = put_it(document, text)
        return "lost_zeros" if flag is None and profile.lost_zeros(name, text, place) else flag

    return put


def _address(document: dict[str, Any], text: str) -> Flag | None:
    parts = parse_address_line(text)
    document["address"] = {"street": " ".join(text.split())} if parts is None else parts
    return "address_not_parsed" if parts is None else None


def _employees(decimal: Decimal | None) -> Setter:
    def put(document: dict[str, Any], text: str) -> Flag | None:
        number, _ = plain_number(text, decimal, whole=True)
        if not number.isdigit() or len(number) > 10:
            return "not_usable"
        _placed(document, "company", "employees", int(number))
        return None

    return put


def _amount(place: str, decimal: Decimal | None) -> Setter:
    def put(document: dict[str, Any], text: str) -> Flag | None:
        amount, flag = money(text, decimal)
        if flag is not None and flag not in TAKEN:
            return flag
        return flag if place_text(document, place, amount) else "not_usable"

    return put


def _consent(place: str) -> Setter:
    def put(document: dict[str, Any], text: str) -> Flag | None:
        return None if place_text(document, place, text) else "not_usable"

    return put


def _consent_time(order: DateOrder | None) -> Setter:
    def put(document: dict[str, Any], text: str) -> Flag | None:
        moment, flag = read_date(text, order)
        if flag is None:
            document.setdefault("consent", {})["at"] = moment if "T" in moment else f"{moment}T00:00:00Z"
        return flag

    return put


def _own_date(name: str, order: DateOrder | None) -> Setter:
    """A date that no field takes is kept in `extra`, in ISO 8601."""

    def put(document: dict[str, Any], text: str) -> Flag | None:
        moment, flag = read_date(text, order)
        if flag is None:
            document.setdefault(EXTRA_DATE, {})[name] = moment
        return flag

    return put
