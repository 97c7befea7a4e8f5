"""Rows of a CSV file, one after the other. A damaged row is given as it stands; no cell ever moves to another column."""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

from services.capture.importing.refusal import FileRefused

MAX_ROW: Final = 200_000
MAX_COLUMNS: Final = 2_000
_DELIMITERS: Final = (",", ";", "\t", "|")
_SAMPLE: Final = 65_536
_SAMPLE_ROWS: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """A row by its number, the header being row 1, as a spreadsheet shows it. `damage` is a refusal code; the cells
    are empty then and `raw` holds the row's text."""

    number: int
    cells: Sequence[str]
    raw: str = ""
    damage: str = ""


class _RowTooLong(Exception):
    pass


class _Lines:
    """The lines of a file, which remembers those of the row in hand and can take them back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._again: deque[str] = deque()
        self._row: list[str] = []
        self._length = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if not line:
            raise StopIteration
        self._row.append(line)
        self._length += len(line)
        if self._length > MAX_ROW:
            raise _RowTooLong
        return line

    def _read(self) -> str:
        """A line, or its first part when it is longer than any row may be; the rest is left out."""
        line = self._stream.readline(MAX_ROW + 1)
        if len(line) > MAX_ROW and not line.endswith(("\n", "\r")):
            while (more := self._stream.readline(MAX_ROW)) and not more.endswith(("\n", "\r")):
                continue
        return line

    def begin_row(self) -> None:
        self._row, self._length = [], 0

    def text(self) -> str:
        return "".join(self._row)

    def only_first(self) -> str:
        """The first line of the row in hand; the others are read again, as rows of their own."""
        first, *rest = self._row
        self._again.extendleft(reversed(rest))
        return first


class CsvFile:
    """A CSV file, open. `header` has its column names; iterate for the rows."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.delimiter = _sniff(stream)
        self._lines = _Lines(stream)
        self._reader = self._new_reader()
        self._number = 0
        self.header = self._read_header()

    def _new_reader(self) -> Iterator[list[str]]:
        csv.field_size_limit(MAX_ROW * 2)
        return csv.reader(self._lines, delimiter=self.delimiter, strict=True)

    def _read_header(self) -> list[str]:
        for row in self._rows():
            if row.damage:
                raise FileRefused("the header row is damaged")
            if row.number == 1 and row.cells[0].lower() == "sep=":
                continue
            _check_header(row.cells)
            return [cell.strip() for cell in row.cells]
        raise FileRefused("the file has no header row")

    @property
    def position(self) -> int:
        """Bytes read so far, about."""
        return self._stream.buffer.tell()

    def __iter__(self) -> Iterator[Row]:
        """The rows after the header; those with another number of cells are damaged."""
        width = len(self.header)
        for row in self._rows():
            if row.damage or len(row.cells) == width:
                yield row
            elif len(row.cells) > width and not any(cell.strip() for cell in row.cells[width:]):
                yield Row(row.number, row.cells[:width])
            else:
                yield Row(row.number, (), self._lines.text(), "wrong_field_count")

    def _rows(self) -> Iterator[Row]:
        while True:
            self._lines.begin_row()
            self._number += 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except (csv.Error, _RowTooLong) as error:
                raw = self._lines.only_first()
                self._reader = self._new_reader()
                too_long = isinstance(error, _RowTooLong) and len(raw) > MAX_ROW
                yield Row(self._number, (), raw[:MAX_ROW], "too_large" if too_long else "damaged_row")
            else:
                if cells:  # a blank line is a row of the spreadsheet, and nothing to import
                    yield Row(self._number, cells)


def open_csv(path: Path, encoding: str) -> CsvFile:
    """Open a file. Raises FileRefused where it has no usable header."""
    return CsvFile(path.open(encoding=encoding, newline=""))


def _sniff(stream: TextIO) -> str:
    """The delimiter under which most of the first rows have as many cells as the first one; a comma by default."""
    sample = stream.read(_SAMPLE)
    stream.seek(0)
    if sample.lower().startswith("sep=") and sample[4:5]:
        return sample[4]
    complete = sample if len(sample) < _SAMPLE else sample[: max(sample.rfind("\n"), sample.rfind("\r")) + 1]
    best = max(_DELIMITERS, key=lambda delimiter: _fit(complete, delimiter))
    return best if _fit(complete, best)[0] else ","


def _fit(sample: str, delimiter: str) -> tuple[int, int]:
    """How many rows have the first one's number of cells, and that number; (0, 0) for a single column."""
    widths: list[int] = []
    try:
        for cells in csv.reader(sample.splitlines(keepends=True), delimiter=delimiter):
            if cells:
                widths.append(len(cells))
            if len(widths) == _SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    if not widths or widths[0] < 2:
        return 0, 0
    return widths.count(widths[0]), widths[0]


def _check_header(cells: Sequence[str]) -> None:
    if len(cells) > MAX_COLUMNS:
        raise FileRefused(f"the file has more than {MAX_COLUMNS} columns")
    named = [cell.strip() for cell in cells if cell.strip()]
    if not named:
        raise FileRefused("the header row is blank")
    if any("@" in cell and "." in cell for cell in named) or all(cell.replace(".", "").isdigit() for cell in named):
        raise FileRefused("the first row looks like data: a header row with the columns' names is needed")
