"""Columns of a file to fields of a lead: by a mapping file, else by what columns are commonly called."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from services.capture.domain.placing import LISTS, SYNONYMS, place_text, suggested_place
from services.capture.importing.refusal import FileRefused

# Cells that spreadsheets and forms leave where nothing was chosen or a formula failed. They are taken as blank.
PLACEHOLDERS: Final = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "Select")
_MAX_NAME: Final = 120


class MappingFile(BaseModel):
    """A mapping as it is written: column -> field (`extra` keeps it under its own name), and values for every row."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str
    columns: dict[str, str | None] = {}
    constants: dict[str, str] = {}
    placeholders: list[str] = list(PLACEHOLDERS)


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and the field it goes to; None keeps it in `extra` under its name."""

    name: str
    place: str | None


@dataclass(slots=True)
class ColumnMapping:
    """Makes documents, as `POST /v1/leads` takes them, of rows. Counts placeholders by column as it goes."""

    columns: tuple[Column, ...]
    constants: Mapping[str, str] = field(default_factory=dict)
    placeholders: frozenset[str] = frozenset(PLACEHOLDERS)
    label: str | None = None
    blanked: dict[str, int] = field(default_factory=dict)

    def document(self, cells: Sequence[str]) -> dict[str, Any]:
        """The lead of a row. A cell that its field cannot take is kept in `extra`, so that it costs no row."""
        document: dict[str, Any] = {}
        for column, cell in zip(self.columns, cells, strict=True):
            text = cell.strip()
            if not text:
                continue
            if text in self.placeholders:
                self.blanked[column.name] = self.blanked.get(column.name, 0) + 1
            elif column.place is None or not place_text(document, column.place, text):
                document.setdefault("extra", {})[column.name] = cell
        for place, value in self.constants.items():
            if place not in document:
                place_text(document, place, value)
        if self.label is not None:
            document.setdefault("extra", {})["import_mapping"] = self.label
        return document


def suggest(header: Sequence[str], *, source: str) -> ColumnMapping:
    """The mapping that the columns' names suggest."""
    return _compiled(header, {}, {"source": source}, PLACEHOLDERS, None)


def load_mapping(path: Path, header: Sequence[str], *, source: str) -> ColumnMapping:
    """The mapping of a file; columns that it does not name are taken by their names. Raises FileRefused."""
    try:
        text = path.read_bytes()
        wanted = MappingFile.model_validate(yaml.safe_load(text))
    except OSError as error:
        raise FileRefused(f"the mapping cannot be read: {error.strerror}") from None
    except yaml.YAMLError:
        raise FileRefused("the mapping is not YAML") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise FileRefused(f"the mapping: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    unknown = [name for name in wanted.columns if name not in header]
    if unknown:
        raise FileRefused(f"the mapping names columns that the file has not: {', '.join(sorted(unknown))}")
    for place in (*filter(None, wanted.columns.values()), *wanted.constants):
        if place != "extra" and place not in SYNONYMS:
            raise FileRefused(f"the mapping names a field that does not exist: {place}")
    label = f"{wanted.name}:{hashlib.sha256(text).hexdigest()[:8]}"
    constants = {"source": source, **wanted.constants}
    return _compiled(header, wanted.columns, constants, wanted.placeholders, label)


def _compiled(
    header: Sequence[str],
    given: Mapping[str, str | None],
    constants: Mapping[str, str],
    placeholders: Sequence[str],
    label: str | None,
) -> ColumnMapping:
    """Columns with their fields. Of two columns for one field the first has it, the second is extra."""
    taken = {place for place in given.values() if place}
    columns: list[Column] = []
    for name, own_name in zip(header, _own_names(header), strict=True):
        place = given.get(name) if name in given else suggested_place(name)
        if name not in given and place in taken and place not in LISTS:
            place = None
        if place is not None:
            taken.add(place)
        columns.append(Column(own_name, None if place == "extra" else place))
    return ColumnMapping(tuple(columns), constants, frozenset(placeholders), label)


def _own_names(header: Sequence[str]) -> list[str]:
    """A name for each column, blank and repeated ones told apart by their number."""
    names: list[str] = []
    for number, given in enumerate(header, start=1):
        name = given[:_MAX_NAME] or f"column {number}"
        names.append(f"{name} ({number})" if name in names else name)
    return names
