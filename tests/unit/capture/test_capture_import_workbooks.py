"""Workbooks: read as they were last calculated, and refused before they can do harm."""

import struct
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from services.capture.importing import archive
from services.capture.importing.inspecting import inspect_file
from services.capture.importing.opening import open_table
from services.capture.importing.refusal import FileRefused
from services.capture.importing.table import ReadingOptions, Table

SHEET = "xl/worksheets/sheet1.xml"
PEAK_MIB = 300


def workbook(path: Path, rows: list[list[Any]], **sheets: list[list[Any]]) -> Path:
    book = xlsxwriter.Workbook(path)
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for name, cells in {"Leads": rows, **sheets}.items():
        sheet = book.add_worksheet(name)
        for number, row in enumerate(cells):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime):
                    sheet.write_datetime(number, column, cell, day)
                elif cell is not None:
                    sheet.write(number, column, cell)
        if name.startswith("Hidden"):
            sheet.hide()
    book.close()
    return path


def opened(path: Path, **options: Any) -> Table:
    return open_table(path, inspect_file(path), ReadingOptions(**options))


def changed(path: Path, parts: Mapping[str, bytes | None]) -> Path:
    """A copy with parts added, replaced or (None) left out."""
    other = path.with_name(f"changed-{path.name}")
    with zipfile.ZipFile(path) as before, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            if name not in parts:
                after.writestr(name, before.read(name))
        for name, content in parts.items():
            if content is not None:
                after.writestr(name, content)
    return other


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return workbook(tmp_path / "plain.xlsx", [["email", "name"], ["ann@example.com", "Ann"]])


def refusal(path: Path) -> str:
    """Why a file is refused."""
    with pytest.raises(FileRefused) as caught:
        list(opened(path))
    return str(caught.value)


_ALONE = """
import re, resource, sys, time
from pathlib import Path
from services.capture.importing.inspecting import inspect_file
from services.capture.importing.opening import open_table
from services.capture.importing.refusal import FileRefused
began = time.process_time()
try:
    list(open_table(Path(sys.argv[1]), inspect_file(Path(sys.argv[1]))))
except FileRefused as error:
    print(error)
used = time.process_time() - began + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
own = int(re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])
print(used)
print(max(own, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) // 1024)
"""


def bomb_refusal(path: Path) -> str:
    """Why a file is refused, in five seconds of a processor, by a process and a reader of less than 300 MB each."""
    done = subprocess.run([sys.executable, "-c", _ALONE, str(path)], capture_output=True, text=True, check=True)
    why, seconds, mib = done.stdout.splitlines()
    assert float(seconds) < 5
    assert int(mib) < PEAK_MIB
    return why


def test_cells_become_text_as_a_csv_export_has_them(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["email", "phone", "since", "opted in", "share", "zip"],
        ["a@b.com", 919870000000, datetime(2026, 2, 1), True, 0.5, "08123"],
        [None, None, None, None, None, None],
        ["c@d.com", 1.2345678901234568e19, datetime(2026, 2, 1, 9, 30), False, 7, None],
    ]
    table = opened(workbook(tmp_path / "leads.xlsx", rows))
    assert table.header == rows[0]
    assert [(row.number, row.cells) for row in table] == [
        (2, ["a@b.com", "919870000000", "2026-02-01", "TRUE", "0.5", "08123"]),
        (4, ["c@d.com", "1.234567890123457e+19", "2026-02-01T09:30:00", "FALSE", "7", ""]),
    ]


def test_formulas_give_their_last_value_and_nothing_is_run(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "formulas.xlsx")
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["email", "note"])
    sheet.write(1, 0, "a@b.com")
    sheet.write_formula(1, 1, "=cmd|'/C calc'!A0", None, "cached")
    book.close()
    assert [row.cells for row in opened(tmp_path / "formulas.xlsx")] == [["a@b.com", "cached"]]


def test_the_first_visible_sheet_is_read_unless_another_is_named(tmp_path: Path) -> None:
    path = workbook(tmp_path / "two.xlsx", [["email"], ["a@b.com"]], Hidden=[["email"], ["h@b.com"]])
    assert [row.cells for row in opened(path)] == [["a@b.com"]]
    assert opened(path).notes == ["sheet Leads", "left out: Hidden (--sheet names another)"]
    assert [row.cells for row in opened(path, sheet="Hidden")] == [["h@b.com"]]
    with pytest.raises(FileRefused, match="the workbook has Leads, Hidden"):
        opened(path, sheet="Gone")


def test_a_header_further_down_and_merged_cells(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "report.xlsx")
    sheet = book.add_worksheet("Report")
    sheet.merge_range(0, 0, 0, 1, "Leads of the fair")
    sheet.write_row(2, 0, ["email", "name"])
    sheet.write_row(3, 0, ["a@b.com", "Ann"])
    book.close()
    table = opened(tmp_path / "report.xlsx", header_row=3)
    assert table.header == ["email", "name"]
    assert [(row.number, row.cells) for row in table] == [(4, ["a@b.com", "Ann"])]
    assert "1 merged areas" in table.notes[-1]


def test_what_a_file_is_counts_and_not_what_it_is_called(tmp_path: Path, plain: Path) -> None:
    renamed = plain.rename(tmp_path / "leads.csv")
    assert inspect_file(renamed).kind == "xlsx"
    csv = tmp_path / "leads.xls"
    csv.write_bytes(b"email\na@b.com\n")
    assert inspect_file(csv).kind == "csv"
    page = tmp_path / "export.xls"
    page.write_bytes(b"<html><table><tr><td>email</td></tr></table></html>")
    with pytest.raises(FileRefused, match="a page or a document"):
        inspect_file(page)


def test_a_large_and_ordinary_workbook_passes(tmp_path: Path) -> None:
    """Rows of repeated words inflate at about twelve to one."""
    rows: list[list[Any]] = [["email", *(f"field {n}" for n in range(24))]]
    rows += [[f"p{n}@example.com", *["No"] * 20, n, n * 7, "Modified", "Select"] for n in range(2_000)]
    path = workbook(tmp_path / "large.xlsx", rows)
    table = opened(path)
    assert sum(1 for _ in table) == 2_000
    assert table.position == path.stat().st_size


def test_a_bomb_is_refused_by_what_comes_out_of_it(plain: Path) -> None:
    assert "100 times its size" in bomb_refusal(changed(plain, {"xl/sharedStrings.xml": b"<sst>" + b" " * 40_000_000}))


def test_a_header_that_lies_about_the_size_is_not_believed(plain: Path) -> None:
    bomb = changed(plain, {"xl/sharedStrings.xml": b"<sst>" + b"a" * 30_000_000})
    raw = bytearray(bomb.read_bytes())
    place = raw.rindex(b"xl/sharedStrings.xml") - 46
    struct.pack_into("<I", raw, place + 24, 100)
    bomb.write_bytes(raw)
    assert "damaged archive" in refusal(bomb) or "times its size" in refusal(bomb)


def test_a_workbook_that_is_too_large_in_all_is_refused(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_INFLATED", 2_000_000)
    part = b"".join(b"<c><v>%d</v></c>" % (n * 7919 % 9973) for n in range(50_000))
    assert "inflates to more than" in refusal(changed(plain, {f"xl/media/{n}.xml": part for n in range(4)}))


def sheet_of(rows: bytes, dimension: bytes = b"A1:B2") -> dict[str, bytes | None]:
    return {
        SHEET: b'<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/'
        b'2006/main"><dimension ref="%b"/><sheetData>%b</sheetData></worksheet>' % (dimension, rows)
    }


def test_a_sheet_of_two_cells_far_apart_is_refused(plain: Path) -> None:
    far = b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    assert "spans more than" in bomb_refusal(changed(plain, sheet_of(far)))
    silent = b'<row r="1"><c r="XFD1"><v>1</v></c></row><row r="1048576"><c><v>1</v></c></row>'
    assert "spans more than" in bomb_refusal(changed(plain, sheet_of(silent)))


def test_a_sheet_that_declares_ten_gigabytes_is_read_for_what_it_holds(plain: Path) -> None:
    rows = b'<row r="1"><c r="A1" t="inlineStr"><is><t>email</t></is></c></row>'
    rows += b'<row r="2"><c r="A2" t="inlineStr"><is><t>a@b.com</t></is></c></row>'
    table = opened(changed(plain, sheet_of(rows, b"A1:XFD1048576")))
    assert [row.cells for row in table] == [["a@b.com"]]


def test_a_million_empty_rows_are_no_rows(plain: Path) -> None:
    rows = b'<row r="1"><c r="A1" t="inlineStr"><is><t>email</t></is></c></row>'
    rows += b'<row r="2"><c r="A2" t="inlineStr"><is><t>a@b.com</t></is></c></row>'
    rows += b"".join(b'<row r="%d"/>' % n for n in range(3, 1_000_000))
    assert [row.cells for row in opened(changed(plain, sheet_of(rows)))] == [["a@b.com"]]


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY l2 "&lol;&lol;">]><sst><si><t>&l2;</t></si></sst>'


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"xl/vbaProject.bin": b"macro"}, "it holds macros"),
        ({"xl/connections.xml": b"<connections/>"}, "takes data from elsewhere"),
        ({"xl/externalLinks/externalLink1.xml": b"<ddeLink/>"}, "takes data from elsewhere"),
        ({"../../etc/cron.d/x": b"x"}, "leads outside"),
        ({"/etc/passwd": b"x"}, "leads outside"),
        ({"xl\\..\\..\\x.xml": b"x"}, "leads outside"),
        ({"xl/sharedStrings.xml": LAUGHS}, "declares a document type"),
        ({"xl/sharedStrings.xml": LAUGHS.decode().encode("utf-16")}, "not in UTF-8"),
        ({"xl/workbook.xml": None}, "no workbook"),
        ({"xl/workbook.xml": None, "xl/workbook.bin": b""}, "binary workbooks"),
        ({"XL/WORKBOOK.XML": b"<workbook/>"}, "two parts of one name"),
        ({f"xl/media/{n}.png": b"" for n in range(2_001)}, "more than 2,000 parts"),
        (sheet_of(b"<row><c><v>1</v></row>"), "damaged, or no workbook"),
    ],
)
def test_what_no_import_needs_is_refused_with_its_reason(plain: Path, parts: dict[str, bytes | None], why: str) -> None:
    assert why in refusal(changed(plain, parts))


def test_encrypted_and_damaged_workbooks_are_refused(tmp_path: Path, plain: Path) -> None:
    raw = bytearray(plain.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    locked = tmp_path / "locked.xlsx"
    locked.write_bytes(raw)
    assert "encrypted" in refusal(locked)
    for name, content in (
        ("half.xlsx", plain.read_bytes()[:900]),
        ("ole.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        assert "damaged" in refusal(path)


ODS = {
    "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
    "META-INF/manifest.xml": b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
}


def ods(path: Path, rows: bytes) -> Path:
    head = (
        b'<?xml version="1.0" encoding="UTF-8"?><office:document-content '
        b'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        b'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        b'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
        b'<table:table table:name="Leads">'
    )
    content = head + rows + b"</table:table></office:spreadsheet></office:body></office:document-content>"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {**ODS, "content.xml": content}.items():
            archive.writestr(name, part)
    return path


def ods_cell(text: str, repeated: int = 1) -> bytes:
    times = f' table:number-columns-repeated="{repeated}"' if repeated > 1 else ""
    return f'<table:table-cell office:value-type="string"{times}><text:p>{text}</text:p></table:table-cell>'.encode()


def test_open_document_sheets(tmp_path: Path) -> None:
    rows = b"<table:table-row>" + ods_cell("email") + ods_cell("name") + b"</table:table-row>"
    rows += b"<table:table-row>" + ods_cell("a@b.com") + ods_cell("Ann") + b"</table:table-row>"
    rows += b'<table:table-row table:number-rows-repeated="1048574"><table:table-cell '
    rows += b'table:number-columns-repeated="16384"/></table:table-row>'
    table = opened(ods(tmp_path / "leads.ods", rows))
    assert (table.header, [row.cells for row in table]) == (["email", "name"], [["a@b.com", "Ann"]])


def test_an_open_document_that_repeats_one_cell_for_ever_ends_its_reader_only(tmp_path: Path) -> None:
    rows = b"<table:table-row>" + ods_cell("email") + b"</table:table-row>"
    rows += b'<table:table-row table:number-rows-repeated="60000">' + ods_cell("bomb", 1_000) + b"</table:table-row>"
    assert "within the memory" in bomb_refusal(ods(tmp_path / "bomb.ods", rows))
