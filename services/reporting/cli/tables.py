"""Tables for people and spreadsheets."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

# What a spreadsheet would run as a formula, also in full width; a cell that starts so is text.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def print_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows under their column names; plain text where the output is no terminal."""
    console = Console(soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        numeric = any(isinstance(row.get(name), int) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in columns))
    console.print(table) if rows else console.print("nothing")


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


def _text(value: Any) -> Text:
    return Text("" if value is None else str(value))  # never markup: cells hold what people sent
