"""Rows of a workbook (XLSX, XLS, ODS): its values as they were last calculated. Nothing is fetched, nothing is run."""

import contextlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final, Literal

import orjson

from services.capture.importing.archive import safe_copy
from services.capture.importing.header import check_header, header_of
from services.capture.importing.refusal import FileRefused
from services.capture.importing.table import Row

MAX_XLS_BYTES: Final = 64_000_000
_READER: Final = str(Path(__file__).with_name("workbook_rows.py"))


class Workbook:
    """A sheet, open. A reader of its own gives the rows; it ends with this object."""

    delimiter = None

    def __init__(self, path: Path, wanted: str, header_row: int | None, size: int, folder: str) -> None:
        self._folder = folder
        self._size = size
        self._given = 0
        command = [sys.executable, "-I", _READER, str(path), wanted]
        self._reader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            found = self._first_line()
            self._rows_there: int = found["rows"]
            self.notes = _notes(found)
            self._lines = self._numbered()
            self._waiting, self.header = header_of(self._lines, header_row)
            check_header(self.header, named=header_row == 0)
        except BaseException:
            self.close()
            raise

    def _first_line(self) -> dict[str, Any]:
        assert self._reader.stdout is not None
        line = self._reader.stdout.readline()
        if not line:
            raise FileRefused("the workbook cannot be read within the memory that is given to it; save it as CSV")
        found: dict[str, Any] = orjson.loads(line)
        if "refused" in found:
            raise FileRefused(found["refused"])
        return found

    @property
    def position(self) -> int:
        """Bytes read so far, by the rows that were given."""
        return self._size * self._given // max(1, self._rows_there)

    def __iter__(self) -> Iterator[Row]:
        width = len(self.header)
        for number, cells in chain(self._waiting, self._lines):
            yield Row(number, _fitted(cells, width))
        self.close()

    def _numbered(self) -> Iterator[tuple[int, Sequence[str]]]:
        """The rows that are not blank. Raises FileRefused where the reader ends before the sheet does."""
        stdout: IO[bytes] | None = self._reader.stdout
        assert stdout is not None
        for number, line in enumerate(stdout, start=1):
            self._given = number
            cells = orjson.loads(line)
            if any(cells):
                yield number, cells
        if self._reader.wait() != 0:
            raise FileRefused(f"the workbook cannot be read beyond row {self._given}")

    def close(self) -> None:
        """End the reader and take the copy away."""
        self._reader.kill()
        self._reader.wait()
        if self._reader.stdout is not None:
            self._reader.stdout.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


def open_workbook(
    path: Path, kind: Literal["xlsx", "xls", "ods"], *, sheet: str | None, header_row: int | None
) -> Workbook:
    """Open a sheet, the first visible one where none is named. Raises FileRefused before anything is expanded that
    would take too much."""
    folder = tempfile.mkdtemp(prefix="leadstream-import-")
    try:
        size = path.stat().st_size
        if kind == "xls":
            if size > MAX_XLS_BYTES:
                raise FileRefused(f"an .xls file may have {MAX_XLS_BYTES:,} bytes; save it as CSV")
            return Workbook(path, sheet or "", header_row, size, folder)
        copy = Path(folder) / f"copy.{kind}"
        safe_copy(path, copy)
        return Workbook(copy, sheet or "", header_row, size, folder)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _fitted(cells: Sequence[str], width: int) -> Sequence[str]:
    return cells if len(cells) == width else [*cells, *[""] * (width - len(cells))][:width]


def _notes(found: dict[str, Any]) -> list[str]:
    notes = [f"sheet {found['sheet']}"]
    if found["others"]:
        notes.append(f"left out: {', '.join(found['others'])} (--sheet names another)")
    if found["merged"]:
        notes.append(f"{found['merged']} merged areas: only the first cell of each has its value")
    return notes
