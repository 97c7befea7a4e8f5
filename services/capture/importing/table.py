"""What every kind of file is read as: a header, and rows of as many cells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

MAX_ROW: Final = 200_000
"""Characters of a row, and of an address card."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row by its number, the header being row 1, as a spreadsheet shows it. `damage` is a refusal code; `raw`
    holds the row's text then, and the cells are what could be told, never to be used under the header's names."""

    number: int
    cells: Sequence[str]
    raw: str = ""
    damage: str = ""


class Table(Protocol):
    """An open file. Iterate once for the rows; a blank one is left out, and keeps its number."""

    @property
    def header(self) -> Sequence[str]:
        """The columns' names, as they stand."""

    @property
    def position(self) -> int:
        """Bytes read so far of the file, about."""

    @property
    def delimiter(self) -> str | None:
        """What stands between two cells; None where the file is no text of cells."""

    @property
    def notes(self) -> Sequence[str]:
        """What a person should know of how the file was read."""

    def __iter__(self) -> Iterator[Row]:
        """The rows after the header."""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How a file is to be read, where it cannot be told: None tells it from the file. `header_row` 0 is none at all,
    None the first row that is not blank."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int | None = None
