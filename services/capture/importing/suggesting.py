"""Mappings: suggested by what columns are called, or written down and kept."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rapidfuzz import fuzz, process

from services.capture.domain.placing import LISTS
from services.capture.importing.cells import DateOrder, Decimal
from services.capture.importing.mapping import LIST_PARAM, PLACEHOLDERS, Column, ColumnMapping
from services.capture.importing.profile import Profile
from services.capture.importing.refusal import FileRefused
from services.capture.importing.synonyms import (
    EXTRA_DATE,
    FIELDS,
    FULL_ADDRESS,
    IGNORED,
    PLACES,
    folded,
    known_format,
    sounds_like_a_date,
)
from shared.rules import RuleFileError
from shared.rules.loading import load_yaml

_MAX_NAME: Final = 120
# What stands before a field's own name in exports of other systems: `Lead Email`, `Contact: Phone`.
_QUALIFIERS: Final = ("lead", "contact", "person", "prospect", "customer", "primary", "your", "main")
_QUALIFIED: Final = 0.9
_WORTH_ASKING: Final = 80.0
_SHORTEST_GUESS: Final = 4


class MappingFile(BaseModel):
    """A mapping as it is written: column -> field (`extra` keeps it under its own name, `ignore` leaves it out), values
    for every row, and how cells are to be read where they have two readings."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    version: int | None = Field(None, ge=1)
    columns: dict[str, str | None] = {}
    constants: dict[str, str] = {}
    placeholders: list[str] = list(PLACEHOLDERS)
    date_order: DateOrder | None = None
    dates: dict[str, DateOrder] = {}
    decimal: Decimal | None = None
    separator: str | None = Field(None, min_length=1, max_length=8)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says beside a mapping; None leaves it to the mapping."""

    date_order: DateOrder | None = None
    decimal: Decimal | None = None
    placeholders: Sequence[str] = ()


def read_mapping(text: bytes, file: str) -> MappingFile:
    """A mapping that was written down. Raises FileRefused with line and what was expected."""
    try:
        loaded = load_yaml(text, file=file)
    except RuleFileError as error:
        raise FileRefused(str(error.problems[0])) from None
    try:
        wanted = MappingFile.model_validate(loaded.data)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = loaded.position(tuple(first["loc"]))
        raise FileRefused(f"{file}:{place.line}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    for named in (*filter(None, wanted.columns.values()), *wanted.constants):
        if named not in FIELDS and not named.startswith(LIST_PARAM):
            near = process.extractOne(named, sorted(FIELDS), scorer=fuzz.ratio)
            raise FileRefused(f"{file}: the mapping names a field that does not exist: {named}; nearest is {near[0]}")
    return wanted


def suggest(header: Sequence[str], *, source: str) -> ColumnMapping:
    """The mapping that the columns' names suggest, with nothing known of the cells."""
    return apply_mapping(suggested(header), header, source=source, label=False)


def suggested(header: Sequence[str], choices: Choices | None = None) -> MappingFile:
    """The mapping that the columns' names suggest, as it would be written."""
    choices = choices or Choices()
    known = known_format(header)
    return MappingFile(
        name=known.name if known else "suggested",
        placeholders=[*PLACEHOLDERS, *choices.placeholders],
        date_order=choices.date_order,
        decimal=choices.decimal,
        separator=known.separator if known else None,
    )


def apply_mapping(
    wanted: MappingFile,
    header: Sequence[str],
    *,
    source: str,
    profile: Profile | None = None,
    label: bool = True,
) -> ColumnMapping:
    """The mapping compiled for a header. Columns that it does not name are taken by their names. Raises FileRefused."""
    unknown = sorted({*wanted.columns, *wanted.dates} - set(header))
    if unknown:
        raise FileRefused(f"the mapping names columns that the file has not: {', '.join(unknown)}")
    columns = _columns(wanted, header)
    constants = {"source": source, **wanted.constants}
    return ColumnMapping(
        columns,
        constants,
        frozenset(wanted.placeholders),
        label_of(wanted, columns, constants) if label else None,
        wanted.decimal,
        wanted.separator,
        profile=profile or Profile(),
    )


def label_of(wanted: MappingFile, columns: Sequence[Column], constants: Mapping[str, str]) -> str:
    """Name, version and digest of what a mapping does to this header: the mapping's id on every lead."""
    content: dict[str, Any] = {
        "columns": [[column.name, column.place, column.order] for column in columns],
        "constants": dict(constants),
        "placeholders": sorted(wanted.placeholders),
        "decimal": wanted.decimal,
        "separator": wanted.separator,
    }
    digest = hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:8]
    version = f"@{wanted.version}" if wanted.version is not None else ""
    return f"{wanted.name}{version}:{digest}"


def column_names(header: Sequence[str]) -> list[str]:
    """A name for each column, blank and repeated ones told apart by their number."""
    names: list[str] = []
    seen: set[str] = set()
    for number, given in enumerate(header, start=1):
        name = given[:_MAX_NAME] or f"column {number}"
        names.append(f"{name} ({number})" if name in seen else name)
        seen.add(names[-1])
    return names


def _columns(wanted: MappingFile, header: Sequence[str]) -> tuple[Column, ...]:
    """Columns with their fields. Of two columns for one field the first has it, the second is extra."""
    taken = {place for place in wanted.columns.values() if place}
    known = known_format(header)
    whole_address = not {folded(name) for name in header} & {"city", "town", "zip", "zipcode", "postalcode", "postcode"}
    columns: list[Column] = []
    for name, own_name in zip(header, column_names(header), strict=True):
        if name in wanted.columns:
            place, sure, maybe = wanted.columns[name], 1.0, None
        else:
            place, sure, maybe = _by_name(name, known.places if known else {}, whole_address=whole_address)
            if place in taken and place not in LISTS and place not in (IGNORED, EXTRA_DATE):
                place, maybe = None, place
        if place is not None:
            taken.add(place)
        if place is None and name in wanted.dates:
            place = EXTRA_DATE
        order = wanted.dates.get(name, wanted.date_order) if place in (EXTRA_DATE, "consent.at") else None
        columns.append(Column(own_name, None if place == "extra" else place, sure, maybe, order))
    return tuple(columns)


def _by_name(name: str, of_format: Mapping[str, str], *, whole_address: bool) -> tuple[str | None, float, str | None]:
    """The field that a column's name means, how sure that is, and a field that it might mean."""
    key = folded(name)
    place = of_format.get(key) or PLACES.get(key)
    if key == "address" and whole_address:
        place = FULL_ADDRESS
    if place is not None:
        return place, 1.0, None
    for qualifier in _QUALIFIERS:
        rest = key.removeprefix(qualifier)
        if rest != key and rest in PLACES and rest not in ("id", "source"):
            return PLACES[rest], _QUALIFIED, None
    if sounds_like_a_date(key):
        return EXTRA_DATE, _QUALIFIED, None
    near = process.extractOne(key, PLACES.keys(), scorer=fuzz.ratio, score_cutoff=_WORTH_ASKING)
    if near is None or len(key) < _SHORTEST_GUESS:
        return None, 0.0, None
    return None, round(near[1] / 100, 2), PLACES[near[0]]


def rendered(wanted: MappingFile, columns: Sequence[Column], header: Sequence[str]) -> str:
    """A mapping as YAML, every column named, to be looked at, changed and saved."""
    lines = [f"name: {wanted.name}"]
    if wanted.version is not None:
        lines.append(f"version: {wanted.version}")
    lines.append("columns:")
    named: set[str] = set()
    for given, column in zip(header, columns, strict=True):
        if given and given not in named:
            named.add(given)
            note = f"  # {_said(column)}" if _said(column) else ""
            lines.append(f"  {_quoted(given)}: {column.place or 'extra'}{note}")
    for key in ("constants", "dates"):
        if entries := getattr(wanted, key):
            lines += [f"{key}:", *(f"  {_quoted(name)}: {_quoted(value)}" for name, value in entries.items())]
    lines.append("placeholders:")
    lines += [f"  - {_quoted(text)}" for text in wanted.placeholders]
    for key in ("date_order", "decimal", "separator"):
        if (value := getattr(wanted, key)) is not None:
            lines.append(f"{key}: {_quoted(value)}")
    return "\n".join(lines) + "\n"


def _said(column: Column) -> str:
    if column.maybe is not None:
        return f"{column.maybe}? not sure ({column.confidence:.2f})"
    return f"confidence {column.confidence:.2f}" if column.place is not None and column.confidence < 1 else ""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'
