"""Which row names the columns."""

from collections.abc import Iterator, Sequence
from typing import Final

from services.capture.importing.refusal import FileRefused

MAX_COLUMNS: Final = 16_384

Numbered = tuple[int, Sequence[str]]


def header_of(rows: Iterator[Numbered], wanted: int | None) -> tuple[list[Numbered], list[str]]:
    """The header, and rows that were taken to find it and are data. `wanted` is its row's number, None the first row;
    with 0 there is none, and columns are named by their numbers. Raises FileRefused."""
    for number, cells in rows:
        if wanted == 0:
            return [(number, cells)], [f"column {place}" for place in range(1, len(cells) + 1)]
        if wanted is None or number == wanted:
            return [], [cell.strip() for cell in cells]
        if number > wanted:
            break
    raise FileRefused("the file has no header row" if wanted is None else f"there is nothing in row {wanted}")


def check_header(header: Sequence[str], *, named: bool = False) -> None:
    """Raises FileRefused where these are no names of columns; `named` ones were given and not read."""
    if len(header) > MAX_COLUMNS:
        raise FileRefused(f"the file has more than {MAX_COLUMNS:,} columns")
    there = [cell for cell in header if cell]
    if not there:
        raise FileRefused("the header row is blank")
    if named:
        return
    if any("@" in cell and "." in cell for cell in there) or all(cell.replace(".", "").isdigit() for cell in there):
        raise FileRefused(
            "the first row looks like data: a row with the columns' names is needed, or --no-header and a mapping"
        )
