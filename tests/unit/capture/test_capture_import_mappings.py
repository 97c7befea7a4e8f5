"""Mappings suggested, written and saved; plans; files of rejected rows."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.capture.importing.csv import open_csv
from services.capture.importing.mapping import ColumnMapping
from services.capture.importing.plans import Plan, PlanFolder
from services.capture.importing.records import RowRecord, RowRecords
from services.capture.importing.refusal import FileRefused
from services.capture.importing.rejects import REASONS, RejectedRows
from services.capture.importing.saved import MappingFolder
from services.capture.importing.suggesting import apply_mapping, read_mapping, rendered, suggest, suggested
from services.capture.importing.table import ReadingOptions, Row

SECRET = b"a secret of the tests, long enough"


def test_a_suggestion_says_how_sure_it_is() -> None:
    header = ["E-mail", "Lead Phone", "Contact: Company", "Created Date", "Compamy Nam", "Shoe size", "Account Id"]
    columns = apply_mapping(suggested(header), header, source="fair").columns
    assert [(c.place, c.confidence, c.maybe) for c in columns] == [
        ("emails", 1.0, None),
        ("phones", 0.9, None),
        ("company.name", 0.9, None),
        ("extra.date", 0.9, None),
        (None, pytest.approx(0.9, abs=0.08), "company.name"),
        (None, 0.0, None),
        (None, pytest.approx(0.85, abs=0.1), columns[6].maybe),
    ]


def test_a_rendered_suggestion_reads_back_as_the_same_mapping() -> None:
    header = ["E-mail", 'The "Name"', "Lead Phone", "Signup Date", "Kind: of, thing", "Compamy Nam"]
    wanted = suggested(header)
    text = rendered(wanted, apply_mapping(wanted, header, source="fair").columns, header)
    again = read_mapping(text.encode(), "mapping.yaml")
    before, after = (apply_mapping(one, header, source="fair") for one in (wanted, again))
    assert [column.place for column in before.columns] == [column.place for column in after.columns]
    assert before.label == after.label
    assert yaml.safe_load(text)["columns"]["Compamy Nam"] == "extra"


def test_the_label_changes_with_what_the_mapping_does_and_with_nothing_else() -> None:
    def label(text: str, header: list[str]) -> str | None:
        return apply_mapping(read_mapping(text.encode(), "m.yaml"), header, source="fair").label

    plain = label("name: fair\n", ["Mail", "Kind"])
    assert plain == label("name: fair\ncolumns: {Mail: emails}\n", ["Mail", "Kind"])
    assert plain != label("name: fair\ncolumns: {Kind: title}\n", ["Mail", "Kind"])
    assert plain != label("name: fair\nconstants: {campaign: spring}\n", ["Mail", "Kind"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name: fair\ncolumns: {Mail: emials}\n", "nearest is emails"),
        ("name: fair\nname: fair\n", "name"),
        ("name: fair\ncolumns:\n  Mail: 1\n", "m.yaml:3"),
        ("name: fair\ndate_order: guess\n", "m.yaml:2"),
        ("name: a/b\n", "m.yaml:1"),
        ("- 1\n", "m.yaml"),
        ("a: &a [x]\nb: *a\n", "m.yaml"),
    ],
)
def test_a_mapping_that_is_wrong_is_refused_with_its_place(text: str, why: str) -> None:
    with pytest.raises(FileRefused, match=why):
        read_mapping(text.encode(), "m.yaml")


def test_saved_mappings_are_versions_that_never_change(tmp_path: Path) -> None:
    folder = MappingFolder(tmp_path / "mappings")
    assert folder.versions() == []
    first, new = folder.save("fair", "name: fair\ncolumns: {Mail: emails}\n")
    same, again = folder.save("fair", "name: fair\ncolumns: {Mail: emails}\n")
    second, _ = folder.save("fair", "name: fair\ncolumns: {Mail: extra}\n")
    folder.save("other", "name: other\n")
    assert (first.version, new, same, again, second.version) == (1, True, first, False, 2)
    assert [(saved.name, saved.version) for saved in folder.versions()] == [("fair", 1), ("fair", 2), ("other", 1)]
    assert folder.read("fair").columns == {"Mail": "extra"}
    assert folder.read("fair@1").columns == {"Mail": "emails"}
    assert apply_mapping(folder.read("fair@1"), ["Mail"], source="x").label is not None
    assert str(apply_mapping(folder.read("fair@1"), ["Mail"], source="x").label).startswith("fair@1:")
    for wanted in ("gone", "fair@3", "../fair"):
        with pytest.raises(FileRefused, match="there is no mapping"):
            folder.read(wanted)
    for name, text in (("../x", "name: x\n"), ("x", "name: [\n"), ("x@1", "name: x\n")):
        with pytest.raises(FileRefused):
            folder.save(name, text)


def plan(**changes: Any) -> Plan:
    whole = Plan("/leads.csv", "d" * 64, "fair", suggested(["email"]), "suggested:1", ReadingOptions())
    return replace(whole, **changes)


def test_a_plan_is_one_file_source_mapping_and_way_of_reading(tmp_path: Path) -> None:
    others = [
        plan(digest="e" * 64), plan(source="web"), plan(label="suggested:2"), plan(options=ReadingOptions(sheet="2")),
    ]  # fmt: skip
    assert len({plan().plan_id, *(other.plan_id for other in others)}) == 5
    folder = PlanFolder(tmp_path / "plans")
    folder.keep(plan())
    assert folder.read(plan().plan_id) == plan() == folder.read(plan().plan_id[:8])
    for wanted in ("gone12345", "../../x", "", plan(source="web").plan_id):
        with pytest.raises(FileRefused):
            folder.read(wanted)
    path = tmp_path / "plans" / f"{plan().plan_id}.json"
    path.write_text(path.read_text().replace('"fair"', '"web"'))
    with pytest.raises(FileRefused, match="changed after it was made"):
        folder.read(plan().plan_id)


def records(mapping: ColumnMapping, file_id: str = "file") -> RowRecords:
    return RowRecords(file_id, "fair", mapping, SECRET, "2026-03-01T12:00:00Z")


def rejected(table: list[Row], mapping: ColumnMapping) -> list[tuple[Row, RowRecord]]:
    made = [(row, records(mapping).record(row)) for row in table]
    return [(row, record) for row, record in made if record.refusal is not None]


def damaged(tmp_path: Path) -> Path:
    path = tmp_path / "leads.csv"
    path.write_text('email,name\na@b.com,Ann\n"b@c.com,Bob"\nnobody,=cmd()\nc@d.com,"Cid\n')
    return path


def test_rejected_rows_can_be_mended_and_imported(tmp_path: Path) -> None:
    table = open_csv(damaged(tmp_path), "utf-8")
    out = RejectedRows(tmp_path / "leads.rejected.csv", table.header)
    out.write(rejected(list(table), suggest(table.header, source="fair")))
    out.close()
    assert out.path is not None
    with out.path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["email", "name", *REASONS]
    assert [(row[2], row[3]) for row in rows] == [
        ("3", "wrong_field_count"),
        ("4", "invalid_email"),
        ("5", "damaged_row"),
    ]
    assert rows[0][:2] + rows[0][6:] == ["b@c.com,Bob", "", '"b@c.com,Bob"']
    assert rows[1][1] == "'=cmd()", "a spreadsheet must not run it"
    rows[0][:2], rows[1][0], rows[2][:2] = ["b@c.com", "Bob"], "d@e.com", ["c@d.com", "Cid"]
    mended = tmp_path / "mended.csv"
    with mended.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    again = open_csv(mended, "utf-8")
    mapping = suggest(again.header, source="fair")
    assert rejected(list(open_csv(mended, "utf-8")), mapping) == []
    assert [mapping.document(row.cells) for row in again] == [
        {"emails": ["b@c.com"], "name": "Bob", "source": "fair"},
        {"emails": ["d@e.com"], "name": "=cmd()", "source": "fair"},
        {"emails": ["c@d.com"], "name": "Cid", "source": "fair"},
    ]


def test_a_file_of_rejected_rows_is_cut_where_it_was_whole_and_never_written_over(tmp_path: Path) -> None:
    table = open_csv(damaged(tmp_path), "utf-8")
    first, second, third = rejected(list(table), suggest(table.header, source="fair"))
    wanted = tmp_path / "leads.rejected.csv"
    out = RejectedRows(wanted, table.header)
    out.write([first])
    at = out.at
    out.write([second])  # was not noted before the process died
    out.close()
    resumed = RejectedRows(wanted, table.header, at=at)
    resumed.write([second, third])
    resumed.close()
    with wanted.open(encoding="utf-8-sig", newline="") as file:
        assert [row[2] for row in csv.reader(file)][1:] == ["3", "4", "5"]
    other = RejectedRows(wanted, table.header)
    other.write([first])
    other.close()
    assert other.path == tmp_path / "leads.rejected-2.csv"
    none = RejectedRows(tmp_path / "none.csv", table.header)
    none.write([])
    assert (none.at, (tmp_path / "none.csv").exists()) == (None, False)


def test_the_same_row_by_another_mapping_is_another_event() -> None:
    mapping = suggest(["email", "name"], source="fair")
    one, other = (records(mapping, f"digest/{key}").record(Row(2, ["a@b.com", "Ann"])) for key in ("m1", "m2"))
    assert one.event_id != other.event_id
    assert one.event_id == records(mapping, "digest/m1").record(Row(2, ["a@b.com", "Ann"])).event_id
