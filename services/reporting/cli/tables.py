"""Tables for people and spreadsheets."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

import typer

# What a spreadsheet would run as a formula, also in full width; a cell that starts so is text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def print_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows under their column names, never cut, whatever the width: an id that is cut is of no use."""
    if not rows:
        typer.echo("nothing")
        return
    lines = [list(columns), *([_text(row.get(name)) for name in columns] for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(columns))]
    right = [all(isinstance(row.get(name), int) for row in rows) for name in columns]
    for line in lines:
        cells = zip(line, widths, right, strict=True)
        typer.echo("  ".join(cell.rjust(w) if number else cell.ljust(w) for cell, w, number in cells).rstrip())


def csv_text(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV with a header; text that a spreadsheet would take for a formula starts with an apostrophe and is quoted."""
    out = io.StringIO()
    plain = csv.writer(out, lineterminator="\n")
    quoted = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    lines: list[list[Any]] = [list(columns), *([row.get(name) for name in columns] for row in rows)]
    for cells in lines:
        safe = [safe_cell(cell) for cell in cells]
        changed = any(was != now for was, now in zip(cells, safe, strict=True) if was is not None)
        (quoted if changed else plain).writerow(safe)
    return out.getvalue()


def safe_cell(value: Any) -> Any:
    """A cell that no spreadsheet runs. Numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return value


def _text(value: Any) -> str:
    """A cell on one line, without what a terminal would obey."""
    return "" if value is None else "".join(char if char.isprintable() else " " for char in str(value))
