"""The evaluation of imports counts what is there, and opens swallowed rows up again."""

import json
from pathlib import Path

from tests.evaluation.importing import differs_from_twin, mend_swallowed, run_import


def test_swallowed_rows_are_counted_and_opened_up_again(tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    rows = [
        "p1@example.com,Ann,Rome",
        '"p2@example.com,Bob,Oslo"',
        "nobody,Cid,Bonn",
        '"p4@example.com,""Dee, jr"",Kiel"',
    ]
    file.write_text("email,name,city\n" + "\n".join(rows) + "\n")
    found = run_import(file, tmp_path / "rejected.csv")
    assert (found.rows, len(found.accepted), found.codes) == (4, 1, {"wrong_field_count": 2, "invalid_email": 1})
    assert found.rejected is not None
    assert mend_swallowed(found.rejected, tmp_path / "mended.csv") == 2
    again = run_import(tmp_path / "mended.csv", tmp_path / "again.csv")
    assert (again.rows, len(again.accepted), again.codes) == (3, 2, {"invalid_email": 1})
    assert len(found.accepted | again.accepted) == 3


def test_twins_that_differ_are_named(tmp_path: Path) -> None:
    file, twin = tmp_path / "a.csv", tmp_path / "a.json"
    file.write_text('a,b\n1,"two\nlines"\n3,4\n')
    same = [{"a": "1", "b": "two\nlines"}, {"a": "3", "b": "4"}]
    twin.write_text(json.dumps(same))
    assert differs_from_twin(file, twin) is None
    twin.write_text(json.dumps([same[0], {"a": "3", "b": "5"}]))
    assert differs_from_twin(file, twin) == "row 3 differs"
    twin.write_text(json.dumps(same[:1]))
    assert differs_from_twin(file, twin) == "2 rows, not 1"
