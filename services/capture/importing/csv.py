"""Rows of a CSV file, one after the other. A damaged row is given as it stands; no cell ever moves to another column."""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Final, TextIO

from services.capture.importing.header import check_header, header_of
from services.capture.importing.refusal import FileRefused
from services.capture.importing.table import MAX_ROW, Row

# How far a quote is followed before it is taken for one that is never closed.
_MAX_QUOTED: Final = 2_000_000
_DELIMITERS: Final = (",", ";", "\t", "|")
_SAMPLE: Final = 65_536
_SAMPLE_ROWS: Final = 50


class _RowTooLong(Exception):
    pass


class _Lines:
    """The lines of a file, which remembers those of the row in hand and can take them back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._again: deque[str] = deque()
        self._row: list[str] = []
        self.length = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        if not line:
            raise StopIteration
        self._row.append(line)
        self.length += len(line)
        if len(line) > MAX_ROW or self.length > _MAX_QUOTED:
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
        self._row, self.length = [], 0

    def text(self) -> str:
        return "".join(self._row)

    def only_first(self) -> str:
        """The first line of the row in hand; the others are read again, as rows of their own."""
        first, *rest = self._row
        self._again.extendleft(reversed(rest))
        return first


class CsvFile:
    """A CSV file, open. `header` has its column names; iterate for the rows."""

    notes: Sequence[str] = ()

    def __init__(self, stream: TextIO, *, delimiter: str | None = None, header_row: int | None = None) -> None:
        self._stream = stream
        self.delimiter = delimiter or _sniff(stream)
        self._lines = _Lines(stream)
        self._reader = self._new_reader()
        self._number = 0
        rows = self._header_rows(last=header_row)
        self._waiting, self.header = header_of(rows, header_row)
        check_header(self.header, named=header_row == 0)

    def _new_reader(self) -> Iterator[list[str]]:
        csv.field_size_limit(_MAX_QUOTED)
        return csv.reader(self._lines, delimiter=self.delimiter, strict=True)

    def _header_rows(self, *, last: int | None) -> Iterator[tuple[int, Sequence[str]]]:
        """Rows that can be the header: those above a header whose number is known may be anything."""
        for row in self._rows():
            if row.damage:
                if last is not None and row.number < last:
                    continue
                raise FileRefused("the header row is damaged")
            if row.number == 1 and row.cells[0].lower() == "sep=":
                continue
            yield row.number, row.cells

    @property
    def position(self) -> int:
        """Bytes read so far, about."""
        return self._stream.buffer.tell()

    def __iter__(self) -> Iterator[Row]:
        """The rows after the header; those with another number of cells are damaged."""
        width = len(self.header)
        for row in chain((Row(*row) for row in self._waiting), self._rows()):
            if row.damage or len(row.cells) == width:
                yield row
            elif len(row.cells) > width and not any(cell.strip() for cell in row.cells[width:]):
                yield Row(row.number, row.cells[:width])
            else:
                yield Row(row.number, row.cells, self._lines.text(), "wrong_field_count")

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
                if self._lines.length > MAX_ROW:
                    yield Row(self._number, (), self._lines.text()[:MAX_ROW], "too_large")
                elif cells:  # a blank line is a row of the spreadsheet, and nothing to import
                    yield Row(self._number, cells)


def open_csv(path: Path, encoding: str, *, delimiter: str | None = None, header_row: int | None = None) -> CsvFile:
    """Open a file. Raises FileRefused where it has no usable header."""
    return CsvFile(path.open(encoding=encoding, newline=""), delimiter=delimiter, header_row=header_row)


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
