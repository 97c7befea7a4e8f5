"""A CSV file with an outcome column as facts and outcomes."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from services.cli.rules.asking import USAGE, end
from services.scoring.domain.model import CATALOGUE

_YES: Final = frozenset({"1", "1.0", "true", "yes", "won", "converted", "y"})
_NOTHING: Final = frozenset({"", "select", "n/a", "na", "null", "none", "-"})
_NO_NAME: Final = re.compile(r"[^a-z0-9]+")
_ID_SHARE: Final = 0.9

Table = Annotated[
    Path | None,
    typer.Argument(help="A CSV file with a header row. Absent: the leads that reporting has stored."),
]
Outcome = Annotated[str | None, typer.Option(help="The column that says whether a lead was won.")]
Won = Annotated[str | None, typer.Option(help="The value of that column that means won. Absent: 1, yes, true, won.")]
Ignore = Annotated[
    list[str] | None, typer.Option(help="A column to leave out, such as one filled in after the outcome; repeatable.")
]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field", help="COLUMN=FIELD: the lead's field that a column is. Others are `extra.` and their name."
    ),
]


@dataclass(frozen=True, slots=True)
class Examples:
    """Facts by dotted path beside outcomes, in the order of the file. `columns` says which column each field was."""

    rows: Sequence[Mapping[str, Any]]
    outcomes: Sequence[bool]
    columns: Mapping[str, str]


def read_examples(
    file: Path, outcome: str | None, won: str | None, ignored: Sequence[str], fields: Sequence[str]
) -> Examples:
    """The file's rows. Ends the command for a file, a column or a field that is not there. Rows without an outcome are
    passed over."""
    if outcome is None:
        end(USAGE, "--outcome names the column that says whether a lead was won")
    header, lines = _read(file)
    for name in (outcome, *ignored):
        if name not in header:
            end(USAGE, f"{file} has no column {name!r}; there are: {', '.join(header)}")
    field_of = _fields_of([name for name in header if name not in (outcome, *ignored)], _pairs(fields, header))
    known = [line for line in lines if line[outcome].strip()]
    columns = {field_of[name]: [line[name].strip() for line in known] for name in field_of}
    values = {field: kept for field, cells in columns.items() if (kept := _column(cells)) is not None}
    rows = [{field: cells[n] for field, cells in values.items() if cells[n] is not None} for n in range(len(known))]
    outcomes = [_is_won(line[outcome].strip(), won) for line in known]
    return Examples(rows, outcomes, {field: name for name, field in field_of.items()})


def _read(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as source:
            lines = csv.DictReader(source, restval="")
            return list(lines.fieldnames or ()), [
                {k: v or "" for k, v in line.items() if k is not None} for line in lines
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        end(USAGE, f"{file} cannot be read as CSV in UTF-8: {type(error).__name__}")


def _pairs(given: Sequence[str], header: Sequence[str]) -> Mapping[str, str]:
    pairs = {}
    for each in given:
        column, _, field = each.rpartition("=")
        if column not in header or CATALOGUE.kind(field) is None:
            end(
                USAGE,
                f"--field {each}: expected COLUMN=FIELD with a column of the file and a field that rules may ask about",
            )
        pairs[column] = field
    return pairs


def _fields_of(columns: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for column in columns:
        plain = _NO_NAME.sub("_", column.lower()).strip("_")[:50] or "column"
        field, n = given.get(column, f"extra.{plain}"), 1
        while field in found.values():
            n += 1
            field = f"extra.{plain}_{n}"
        found[column] = field
    return found


def _column(cells: Sequence[str]) -> list[Any] | None:
    """A column's values: numbers where all are, else texts; None of what is an id, or the same for everybody."""
    kept = [None if cell.lower() in _NOTHING else cell for cell in cells]
    known = [cell for cell in kept if cell is not None]
    different = len(set(known))
    if not known:
        return None
    numbers = list(_numbers(kept))
    if all((number is None) == (cell is None) for number, cell in zip(numbers, kept, strict=True)):
        whole = all(number is None or number.is_integer() for number in numbers)
        is_id = whole and different > _ID_SHARE * len(known) and different > 100
        return None if is_id else numbers
    return None if different > _ID_SHARE * len(known) and different > 100 else kept


def _numbers(cells: Sequence[str | None]) -> Iterator[float | None]:
    for cell in cells:
        try:
            number = None if cell is None else float(cell)
        except ValueError:
            number = None
        yield number if number is not None and abs(number) < 1e15 else None


def _is_won(value: str, won: str | None) -> bool:
    return value == won if won is not None else value.lower() in _YES
