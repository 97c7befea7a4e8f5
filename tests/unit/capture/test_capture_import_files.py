"""Files: encodings, delimiters, damaged rows, headers and mappings."""
# ruff: noqa: RUF001 - text of other alphabets on purpose

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.capture.domain.reading import MAX_BYTES, Reading, read_value
from services.capture.importing.csv import CsvFile, open_csv
from services.capture.importing.inspecting import inspect_file
from services.capture.importing.mapping import ColumnMapping
from services.capture.importing.opening import open_table
from services.capture.importing.publishing import Checkpoint, Progress
from services.capture.importing.records import RowRecords, explained
from services.capture.importing.refusal import FileRefused
from services.capture.importing.saved import MappingFolder
from services.capture.importing.suggesting import apply_mapping, suggest
from services.capture.importing.table import MAX_ROW, ReadingOptions, Row

SECRET = b"a secret of the tests, long enough"


def written(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "leads.csv"
    path.write_bytes(content)
    return path


def opened(tmp_path: Path, content: bytes, encoding: str | None = None) -> CsvFile:
    path = written(tmp_path, content)
    return open_csv(path, inspect_file(path, encoding=encoding).encoding)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"\xef\xbb\xbfemail\na@b.com", "utf-8-sig"),
        ("email,name\na@b.com,Zoë".encode(), "utf-8-sig"),
        ("email,name\na@b.com,Zoë".encode("cp1252"), "cp1252"),
        ("email,name\na@b.com,Zoë – “x”".encode("cp1252"), "cp1252"),
        ("email,name\na@b.com,Zoë".encode("utf-16"), "utf-16"),
    ],
)
def test_encodings_that_can_be_told(tmp_path: Path, content: bytes, encoding: str) -> None:
    assert inspect_file(written(tmp_path, content)).encoding == encoding


@pytest.mark.parametrize(
    "content",
    [
        b"",
        "name\nZoë".encode() + "\nZoë".encode("cp1252"),
        "имя,email\nАнна,a@b.com".encode("cp1251"),
        "email\na@b.com".encode("utf-16-le"),
        b"email\na\x00@b.com",
        b"email,name\na@b.com,\x81\x8d",
    ],
)
def test_files_that_cannot_be_told_are_refused_before_the_first_row(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileRefused):
        inspect_file(written(tmp_path, content))


def test_a_named_encoding_is_believed_if_it_fits(tmp_path: Path) -> None:
    path = written(tmp_path, "имя,email\nАнна,a@b.com".encode("cp1251"))
    assert [row.cells for row in open_csv(path, inspect_file(path, encoding="cp1251").encoding)] == [
        ["Анна", "a@b.com"]
    ]
    for wrong in ("utf-8", "no-such"):
        with pytest.raises(FileRefused):
            inspect_file(path, encoding=wrong)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_endings(tmp_path: Path, delimiter: str, ending: str) -> None:
    rows = [["email", "note"], ["a@b.com", 'says "hi", or; not'], ["c@d.com", "two\nlines"]]
    text = ending.join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)
    table = opened(tmp_path, text.encode())
    assert table.header == rows[0]
    assert [list(row.cells) for row in table] == rows[1:]


def test_rows_with_another_number_of_fields_are_damaged_and_never_shifted(tmp_path: Path) -> None:
    table = opened(tmp_path, b'email,name,city\na@b.com,Ann\n"b@c.com,Bob,Rome"\nc@d.com,Cid,Oslo,,\n\nd@e.com,x,y,z\n')
    rows = list(table)
    assert [(row.number, row.damage) for row in rows] == [
        (2, "wrong_field_count"),
        (3, "wrong_field_count"),
        (4, ""),
        (6, "wrong_field_count"),
    ]
    assert rows[1].raw == '"b@c.com,Bob,Rome"\n'
    assert rows[2].cells == ["c@d.com", "Cid", "Oslo"]


def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    table = opened(tmp_path, b'email,name\na@b.com,"Ann\nb@c.com,Bob\nc@d.com,"Cid ""C"""\n')
    rows = [(row.number, row.damage, list(row.cells)) for row in table]
    assert rows == [(2, "damaged_row", []), (3, "", ["b@c.com", "Bob"]), (4, "", ["c@d.com", 'Cid "C"'])]


def test_a_row_that_is_too_long_is_cut_and_the_next_is_read(tmp_path: Path) -> None:
    table = opened(tmp_path, b"email,note\na@b.com," + b"x" * (MAX_ROW * 3) + b"\nb@c.com,ok\n")
    rows = list(table)
    assert [(row.number, row.damage) for row in rows] == [(2, "too_large"), (3, "")]
    assert len(rows[0].raw) == MAX_ROW


@pytest.mark.parametrize("content", [b"\n\n", b"a@b.com,Ann\nb@c.com,Bob\n", b"1,2,3\n4,5,6\n", b",,\n1,2,3\n"])
def test_files_without_a_header_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(FileRefused):
        opened(tmp_path, content)


def test_a_header_alone_and_a_line_that_names_the_delimiter(tmp_path: Path) -> None:
    assert list(opened(tmp_path, b"email,name\n")) == []
    table = opened(tmp_path, b"sep=;\nemail;name\na@b.com;Ann\n")
    assert (table.header, [row.cells for row in table]) == (["email", "name"], [["a@b.com", "Ann"]])


@given(st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=2), max_size=8))
def test_what_a_csv_writer_writes_is_read_back(rows: list[list[str]]) -> None:
    import csv
    import io

    rows = [[cell.replace("\0", "") for cell in row] for row in rows]
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([["email", "note"], *rows])
    assert [list(row.cells) for row in CsvFile(io.StringIO(out.getvalue(), newline=""))] == rows


def load_mapping(path: Path, header: list[str], *, source: str) -> ColumnMapping:
    return apply_mapping(MappingFolder(path.parent / "mappings").read(str(path)), header, source=source)


def document(header: list[str], cells: list[str], source: str = "fair") -> dict[str, Any]:
    return suggest(header, source=source).document(cells)


def test_columns_are_taken_by_their_common_names() -> None:
    header = ["First Name", "LAST_NAME", "E-mail", "Email 2", "Phone 1", "Company", "Zip", "Do Not Email", "Deal Stage"]
    cells = ["Ann", "Lee", "a@b.com", "c@d.com", "+1 415 555 0100", "Example", "62701", "Yes", "Qualified"]
    assert document(header, cells) == {
        "first_name": "Ann",
        "last_name": "Lee",
        "emails": ["a@b.com", "c@d.com"],
        "phones": ["+1 415 555 0100"],
        "company": {"name": "Example"},
        "address": {"postal_code": "62701"},
        "consent": {"marketing_email": False},
        "extra": {"Deal Stage": "Qualified"},
        "source": "fair",
    }


def test_a_cell_that_its_field_cannot_take_is_kept_apart() -> None:
    header = ["email", "employees", "budget", "do not email", "opt in"]
    assert document(header, ["a@b.com", "51-200", "plenty", "No", "maybe"]) == {
        "emails": ["a@b.com"],
        "extra": {
            "employees": "51-200",
            "budget": "plenty",
            "opt in": "maybe",
            "import_flags": ["employees: not_usable", "budget: not_usable", "opt in: not_usable"],
        },
        "source": "fair",
    }
    assert document(header, ["a@b.com", "1,200", "5000 USD", "", "yes"]) == {
        "emails": ["a@b.com"],
        "company": {"employees": 1200},
        "budget": "5000 USD",
        "consent": {"marketing_email": True},
        "source": "fair",
    }


def test_placeholders_are_blank_and_counted() -> None:
    mapping = suggest(["email", "City", "Industry"], source="fair")
    assert mapping.document(["a@b.com", "Select", "#N/A"]) == {"emails": ["a@b.com"], "source": "fair"}
    assert mapping.blanked == {"City": 1, "Industry": 1}


def test_blank_and_repeated_headers_lose_nothing() -> None:
    assert document(["email", "", "Note", "Note", "City", "Town"], ["a@b.com", "x", "n1", "n2", "Rome", "Oslo"]) == {
        "emails": ["a@b.com"],
        "message": "n1",
        "address": {"city": "Rome"},
        "extra": {"column 2": "x", "Note (4)": "n2", "Town": "Oslo"},
        "source": "fair",
    }


def test_a_mapping_file_decides_and_is_named_on_the_lead(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text("name: fair\ncolumns: {Mail: email, Kind: extra}\nconstants: {campaign: spring}\n")
    # The singular fields are the lists' short forms and are not named in mappings.
    with pytest.raises(FileRefused, match="does not exist: email"):
        load_mapping(path, ["Mail", "Kind"], source="fair")
    path.write_text("name: fair\ncolumns: {Mail: emails, Kind: extra}\nconstants: {campaign: spring}\n")
    mapped = load_mapping(path, ["Mail", "Kind"], source="fair").document(["a@b.com", "k"])
    assert mapped["campaign"] == "spring"
    assert mapped["extra"] == {"Kind": "k", "import_mapping": mapped["extra"]["import_mapping"]}
    assert mapped["extra"]["import_mapping"].startswith("fair:")


def test_a_constant_stands_where_a_cell_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text("name: bought\nconstants: {address.country: IT, state: target, list.name: Fair 2026}\n")
    mapping = load_mapping(path, ["email", "country"], source="fair")
    whole, own = mapping.document(["a@b.com", ""]), mapping.document(["a@b.com", "FR"])
    assert (whole["address"], own["address"]) == ({"country": "IT"}, {"country": "FR"})
    assert (whole["state"], whole["list"]) == ("target", {"name": "Fair 2026"})


@pytest.mark.parametrize("text", ["[", "columns: {}", "name: x\nother: 1", "name: x\ncolumns: {Gone: emails}", "- 1"])
def test_mappings_that_do_not_fit_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    with pytest.raises(FileRefused):
        load_mapping(path, ["Mail"], source="fair")


def records(mapping: ColumnMapping) -> RowRecords:
    return RowRecords("d" * 64, "fair", mapping, SECRET, "2026-03-01T12:00:00Z")


def test_rows_become_records_with_the_same_ids_every_time(tmp_path: Path) -> None:
    content = b"email,name\na@b.com,Ann\nnobody,Bob\nbroken\n"
    first, second = (
        [records(suggest(table.header, source="fair")).record(row) for row in table]
        for table in (opened(tmp_path, content), opened(tmp_path, content))
    )
    assert first == second
    codes = [(explained(record) or {}).get("code") for record in first]
    assert codes == [None, "invalid_email", "wrong_field_count"]
    headers = dict(first[2].headers)
    assert (headers["ls_row"], headers["ls_damage"], headers["content-type"]) == (
        b"4",
        b"wrong_field_count",
        b"text/csv",
    )
    assert first[2].value == b"broken\n"
    assert isinstance(read_value(first[0].value, "application/json"), Reading)


def test_a_row_that_becomes_too_large_is_stored_cut_and_named_so() -> None:
    row = Row(7, ["a@b.com", "\x01" * 100_000])
    record = records(suggest(["email", "notes"], source="fair")).record(row)
    assert len(record.value) == MAX_BYTES
    assert dict(record.headers)["ls_damage"] == b"too_large"
    assert record.refusal == read_value(record.value, "text/csv", damage="too_large")


def test_checkpoints_are_of_one_file_source_and_mapping(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "imports", "d" * 64, "fair", "m1")
    assert checkpoint.read() is None
    checkpoint.write(Progress(2000, 2001, codes={"invalid_email": 1}), ("rejected.csv", 80))
    reached = checkpoint.read()
    assert reached is not None
    assert (reached.row, reached.rows, reached.codes, reached.rejects) == (
        2001,
        2000,
        {"invalid_email": 1},
        ("rejected.csv", 80),
    )
    assert Checkpoint(tmp_path / "imports", "d" * 64, "other", "m1").read() is None
    assert Checkpoint(tmp_path / "imports", "d" * 64, "fair", "m2").read() is None
    checkpoint.clear()
    assert checkpoint.read() is None


def test_wide_files_and_cells_of_a_megabyte(tmp_path: Path) -> None:
    wide = opened(tmp_path, ",".join(f"c{n}" for n in range(5_000)).encode() + b"\n" + b"x," * 4_999 + b"x\n")
    assert [len(row.cells) for row in wide] == [5_000]
    giant = opened(tmp_path, b'email,note\na@b.com,"' + b"line\n" * 200_000 + b'"\nb@c.com,ok\n')
    assert [(row.number, row.damage) for row in giant] == [(2, "too_large"), (3, "")]
    with pytest.raises(FileRefused, match="columns"):
        opened(tmp_path, b"x," * 20_000 + b"\n")


def test_a_file_without_a_header_is_read_by_the_numbers_of_its_columns(tmp_path: Path) -> None:
    path = written(tmp_path, b"a@b.com,Ann\nb@c.com,Bob\nbroken\n")
    table = open_csv(path, "utf-8", header_row=0)
    assert table.header == ["column 1", "column 2"]
    assert [(row.number, list(row.cells), row.damage) for row in table] == [
        (1, ["a@b.com", "Ann"], ""),
        (2, ["b@c.com", "Bob"], ""),
        (3, ["broken"], "wrong_field_count"),
    ]


def test_a_header_below_a_title_and_a_delimiter_that_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, b"Leads of the fair\n\nemail^name\na@b.com^Ann\n")
    table = open_csv(path, "utf-8", delimiter="^", header_row=3)
    assert (table.header, [(row.number, row.cells) for row in table]) == (["email", "name"], [(4, ["a@b.com", "Ann"])])
    with pytest.raises(FileRefused, match="nothing in row 9"):
        open_csv(path, "utf-8", delimiter="^", header_row=9)
    facts = inspect_file(path)
    with pytest.raises(FileRefused, match="one character"):
        open_table(path, facts, ReadingOptions(delimiter="ab"))
    assert open_table(path, facts, ReadingOptions(delimiter="tab", header_row=1)).header == ["Leads of the fair"]


@pytest.mark.parametrize("name", ["comma_in_quotes", "empty", "escaped_quotes", "json", "newlines", "utf8"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_the_plain_shapes_of_csv(tmp_path: Path, name: str, ending: str) -> None:
    shapes = {
        "comma_in_quotes": ('a,b\n1,"x, y"\n', [["1", "x, y"]]),
        "empty": ('a,b,c\n1,"",""\n2,3,4', [["1", "", ""], ["2", "3", "4"]]),
        "escaped_quotes": ('a,b\n1,"ha ""ha"" ha"\n3,4\n', [["1", 'ha "ha" ha'], ["3", "4"]]),
        "json": ('key,val\n1,"{""type"": [102.0, 0.5]}"\n', [["1", '{"type": [102.0, 0.5]}']]),
        "newlines": ('a,b\n"Once upon \na time",5\n', [["Once upon \na time", "5"]]),
        "utf8": ("a,b\n4,ʤ\n", [["4", "ʤ"]]),
    }
    text, rows = shapes[name]
    table = opened(tmp_path, text.replace("\n", ending).encode())
    assert [list(row.cells) for row in table] == [[cell.replace("\n", ending) for cell in row] for row in rows]
