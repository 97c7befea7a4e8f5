"""Workbooks are archives: what is inside is counted as it is inflated, never believed, before any of it is read.

The reader gets a copy of its own, which holds nothing but what passed here.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, Literal

from services.capture.importing.refusal import FileRefused

MAX_INFLATED: Final = 150_000_000
MAX_RATIO: Final = 100
MAX_CELLS: Final = 1_500_000
_MAX_ENTRIES: Final = 2_000
_SMALL: Final = 1_000_000  # a part of a real workbook that is this small may well repeat itself
_CHUNK: Final = 1 << 18
_OVERLAP: Final = 256

_UNWANTED: Final = (
    (re.compile(r"vbaproject|(^|/)macrosheets/|(^|/)basic/", re.IGNORECASE), "it holds macros"),
    (re.compile(r"(^|/)connections\.xml$|(^|/)externallinks?/", re.IGNORECASE), "it takes data from elsewhere"),
)
_DECLARED: Final = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_CELL: Final = re.compile(rb"<(?:\w+:)?c[ >/]")
_PLACE: Final = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{1,4})([0-9]{1,9})["']""")
_ROW: Final = re.compile(rb"""<(?:\w+:)?row\b[^>]*?\sr\s*=\s*["']([0-9]{1,9})["'][^/>]*>\s*<(?:\w+:)?c[ >/]""")
_SHEET: Final = re.compile(r"(^|/)xl/worksheets/[^/]+\.xml$", re.IGNORECASE)


def archive_kind(path: Path) -> Literal["xlsx", "ods"]:
    """Which kind of workbook an archive is. Raises FileRefused where it is none, or is not safe to look into."""
    with _opened(path) as archive:
        names = {entry.filename for entry in _entries(archive)}
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "xl/workbook.bin" in names:
        raise FileRefused("binary workbooks (.xlsb) are not read; save the file as .xlsx or CSV")
    if "content.xml" in names:
        return "ods"
    raise FileRefused("the file is an archive, and no workbook")


def safe_copy(path: Path, target: Path) -> None:
    """Write the workbook's XML parts to `target`, uncompressed. Raises FileRefused for the first that is not safe."""
    left = MAX_INFLATED
    with _opened(path) as archive, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as copy:
        for entry in _entries(archive):
            if entry.is_dir():
                continue
            keep = entry.filename.endswith((".xml", ".rels")) or entry.filename == "mimetype"
            left -= _inflate(archive, entry, copy if keep else None, left)


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise FileRefused("the file is a damaged archive") from None


def _entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The entries, all of them with names that stay inside. Nothing is inflated for this."""
    entries = archive.infolist()
    if len(entries) > _MAX_ENTRIES:
        raise FileRefused(f"the workbook has more than {_MAX_ENTRIES:,} parts")
    if len({entry.filename.lower() for entry in entries}) < len(entries):
        raise FileRefused("the workbook has two parts of one name")
    for entry in entries:
        if entry.flag_bits & 0x1:
            raise FileRefused("the workbook is encrypted; save it without a password")
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or not parts[0] or ":" in entry.filename:
            raise FileRefused("the workbook has a part whose name leads outside")
        for pattern, why in _UNWANTED:
            if pattern.search(entry.filename):
                raise FileRefused(f"{why} ({parts[-1]}); save a copy with values only, as .xlsx without macros or CSV")
    return entries


def _inflate(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, copy: zipfile.ZipFile | None, left: int) -> int:
    """Copy one part, counting what comes out; the number of bytes that it is. What its header says is not asked."""
    size, area = 0, _Area(entry.filename)
    with _writing(copy, entry.filename) as out:
        for chunk in _chunks(archive, entry):
            size += len(chunk)
            if size > left:
                raise FileRefused(f"the workbook inflates to more than {MAX_INFLATED:,} bytes; save it as CSV")
            if size > _SMALL and size > MAX_RATIO * max(1, entry.compress_size):
                raise FileRefused(f"a part of the workbook inflates to more than {MAX_RATIO} times its size")
            if copy is not None:
                area.see(chunk)
                out.write(chunk)
    return size


class _Nowhere:
    def __enter__(self) -> "_Nowhere":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def write(self, _chunk: bytes) -> None:
        """Leave it out."""


def _writing(copy: zipfile.ZipFile | None, name: str) -> "IO[bytes] | _Nowhere":
    return _Nowhere() if copy is None else copy.open(name, "w")


def _chunks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(entry) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError):
        raise FileRefused("the file is a damaged archive") from None


class _Area:
    """What a part would take in memory: a sheet is held as the rectangle around its cells, however few they are."""

    def __init__(self, name: str) -> None:
        self._xml = name.endswith((".xml", ".rels"))
        self._sheet = _SHEET.search(name) is not None
        self._before = b""
        self._cells = 0
        self._last_row = self._last_column = 1

    def see(self, chunk: bytes) -> None:
        """Look at the next bytes. Raises FileRefused when it becomes too much."""
        seen = self._before + chunk
        if self._xml and (b"\0" in chunk or seen.startswith((b"\xff\xfe", b"\xfe\xff"))):
            raise FileRefused("a part of the workbook is not in UTF-8")
        if self._xml and _DECLARED.search(seen):
            raise FileRefused("a part of the workbook declares a document type, which no workbook needs")
        if self._sheet:
            self._measure(chunk, seen)
            if max(self._cells, self._last_row * self._last_column) > MAX_CELLS:
                raise FileRefused(f"a sheet of the workbook spans more than {MAX_CELLS:,} cells; save it as CSV")
        self._before = seen[-_OVERLAP:]

    def _measure(self, chunk: bytes, seen: bytes) -> None:
        """The farthest row and column that have a cell. Cells that do not say where they are stand one after the other."""
        cells = len(_CELL.findall(chunk))
        self._cells += cells
        places = _PLACE.findall(seen)
        rows = {digits for _, digits in places}
        if len(places) < cells:
            rows.update(_ROW.findall(seen))
        self._last_row = max(self._last_row, *map(int, rows), 1)
        self._last_column = max(self._last_column, *map(_column, {letters for letters, _ in places}), 1)


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
