"""Rejected rows as a file: the same header, the reasons behind it, to be mended and imported again."""

import csv
import io
import os
import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final, TextIO

from services.capture.importing.records import RowRecord, explained
from services.capture.importing.table import Row

REASONS: Final = ("import_row", "import_code", "import_field", "import_detail", "import_raw")
_FORMULA: Final = re.compile("[=+\\-@\t\r＝＋－＠]")  # noqa: RUF001 - full width on purpose


class RejectedRows:
    """Writes rejected rows; no file where there are none, and never over a file that is there: somebody may be mending
    it. `at` is the file and how far it is whole: a resumed import cuts it there, so that no row stands in it twice."""

    def __init__(self, wanted: Path, header: Sequence[str], *, at: tuple[str, int] | None = None) -> None:
        self._wanted = wanted
        self._header = header
        self._file: TextIO | None = None
        self.path: Path | None = None
        if at is not None and Path(at[0]).exists():
            self.path = Path(at[0])
            os.truncate(self.path, at[1])
            self._file = self.path.open("a", encoding="utf-8", newline="")

    @property
    def at(self) -> tuple[str, int] | None:
        """The file and its length; None while there is none."""
        return (str(self.path), os.fstat(self._file.fileno()).st_size) if self._file is not None else None

    def write(self, rows: Sequence[tuple[Row, RowRecord]]) -> None:
        """Add rows and flush them."""
        if not rows:
            return
        if self._file is None:
            self.path, self._file = _new_file(self._wanted)
            # A mark by which spreadsheets know the encoding.
            self._file.write("\ufeff" + _line([*self._header, *REASONS]))
        for row, record in rows:
            self._file.write(_line(_cells(row, record, len(self._header))))
        self._file.flush()

    def close(self) -> None:
        """Nothing more is written."""
        if self._file is not None:
            self._file.close()


def _new_file(wanted: Path) -> tuple[Path, TextIO]:
    for number in count(1):
        path = wanted if number == 1 else wanted.with_stem(f"{wanted.stem}-{number}")
        try:
            return path, path.open("x", encoding="utf-8", newline="")
        except FileExistsError:
            continue
    raise AssertionError


def _cells(row: Row, record: RowRecord, width: int) -> list[str]:
    why = explained(record) or {}
    cells = [*row.cells[:width], *[""] * (width - len(row.cells))]
    raw = row.raw.rstrip("\r\n") if row.damage else ""
    return [*cells, str(row.number), str(why.get("code")), str(why.get("field") or ""), str(why.get("detail")), raw]


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([f"'{cell}" if _FORMULA.match(cell) else cell for cell in cells])
    return out.getvalue()
