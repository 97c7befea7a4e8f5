"""`leadstream rules`: exit codes, and problems with their place, for every kind."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.rules import KINDS, rules_app

ROOT = Path(__file__).parents[3]
DEFAULTS = [
    file for file in sorted((ROOT / "services").glob("*/rules/*.yaml")) if not file.name.endswith(".tests.yaml")
]


def run(*arguments: str, **env: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(rules_app, arguments, env=env)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("file", DEFAULTS, ids=lambda file: file.name)
def test_the_defaults_of_every_service_can_be_published(file: Path) -> None:
    code, out, err = run("check", str(file))
    assert (code, err) == (0, ""), err
    assert "can be published" in out


def test_each_kind_has_a_default() -> None:
    kinds = {json.loads(run("check", "--json", str(file))[1])["kind"] for file in DEFAULTS}
    assert kinds == set(KINDS)


def test_problems_are_shown_with_file_line_and_column(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("kind: scoring\nrules:\n  - {id: a, points: ten}\n")
    code, _, err = run("check", str(file))
    assert (code, err.startswith(f"{file}:3:21 rules[0].points: ")) == (1, True)
    code, out, _ = run("check", "--json", str(file))
    (problem,) = json.loads(out)["problems"]
    assert (code, problem["line"], problem["column"]) == (1, 3, 21)


BROKEN = """kind: scoring
grades: {A: 20, B: 50, C: 25}
rules:
  - {id: a, points: ten}
  - {id: b, points: 5, when: {field: titel, contains: x}}
  - {id: c, points: 5, when: {field: title, contians: x}}
  - {id: d, points: 5, when: {not: {field: compny.name, resembles: x}}}
  - {id: e, points: 5, when: {all: [{field: company.employees, gte: "10"}, {field: title, gte: 5}]}}
"""


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(BROKEN)
    code, out, err = run("check", str(file))
    assert (code, out) == (1, "")
    operators = "(one of eq, ne, in, not_in, gt,"
    wanted = (
        "2:9 grades: expected A above B above C",
        "4:21 rules[0].points: expected a whole number from -1000 to 1000, not 0, found text",
        "5:38 rules[1].when.field: expected a known field, found an unknown one (did you mean title?)",
        "6:45 rules[2].when.contians: expected a known operator, found an unknown one (did you mean contains?)",
        "7:44 rules[3].when.not.field: expected a known field, found an unknown one (did you mean company.name?)",
        f"7:57 rules[3].when.not.resembles: expected a known operator, found an unknown one {operators}",
        "8:69 rules[4].when.all[0].gte: expected a number, found text",
        "8:91 rules[4].when.all[1].gte: expected an operator for text, found gte (eq,",
    )
    for line, said in zip(err.splitlines(), wanted, strict=True):
        assert line.startswith(f"{file}:{said}")


def test_what_can_never_match_is_a_warning_or_a_problem_as_is_wished(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    never = "{all: [{field: touch_count, gte: 4}, {field: touch_count, lt: 2}]}"
    file.write_text(f"kind: scoring\nrules:\n  - {{id: a, points: 1, when: {never}}}\n")
    said = f"{file}:3:30 rules[0].when: can never match: no value of touch_count meets all its conditions (warning)\n"
    assert run("check", str(file)) == (0, f"{file}: these scoring rules can be published\n", said)
    assert run("check", "--strict", str(file)) == (1, "", said)
    code, _, err = run("publish", "--strict", str(file), "--author", "Ann", "--note", "x", LEADSTREAM_SCORING_URL="")
    assert (code, err) == (1, f"{said}nothing was published\n")


def test_files_are_compared_without_a_service(tmp_path: Path) -> None:
    before, after = tmp_path / "before.yaml", tmp_path / "after.yaml"
    before.write_text("kind: gate\nmin_score: 60\n")
    after.write_text(
        "kind: gate\n# higher\nmin_score: 70\ncriteria: [{id: x, name: a title, when: {field: title, exists: true}}]\n"
    )
    code, out, _ = run("diff", "gate", str(before), str(after), LEADSTREAM_CONVERSION_URL="")
    assert (code, out.splitlines()[1:]) == (
        0,
        ["+ x: name a title, identity false, when title exists true", "~ min_score: 60 → 70"],
    )
    assert "+# higher" in run("diff", "gate", str(before), str(after), "--text")[1].splitlines()
    assert run("diff", str(before), str(after)) == (0, out, "")
    shown = json.loads(run("diff", "gate", str(before), str(after), "--json")[1])
    assert shown["settings"] == [{"name": "min_score", "before": "60", "after": "70"}]
    before.write_text("kind: gate\nmin_score: sixty\n")
    code, _, err = run("diff", "gate", str(before), str(after))
    assert (code, f"{before}:2:12 min_score: expected" in err, "--text" in err) == (1, True, True)


def test_a_comparison_says_what_it_cannot_tell_the_kind_of(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("kind: mood\n")
    code, _, err = run("diff", str(file))
    assert (code, f"{file}:1:" in err, "one of scoring, segments" in err) == (1, True, True)
    code, _, err = run("diff", str(tmp_path / "absent.yaml"))
    assert (code, "kinds are scoring, segments" in err) == (2, True)


@pytest.mark.parametrize("text", ["kind: mood\n", "rules: []\n", "- kind\n", "", "kind: [scoring]\n", "kind: 1\n"])
def test_a_document_of_no_known_kind_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    code, _, err = run("check", str(file))
    assert code == 1
    assert f"expected one of {', '.join(KINDS)}" in err


def test_a_broken_document_is_never_sent(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("kind: scoring\nrules: 1\n")
    code, _, err = run("publish", str(file), "--author", "Ann", "--reason", "a test", LEADSTREAM_SCORING_URL="")
    assert code == 1
    assert "mine.yaml:2:8" in err


def test_what_is_missing_or_misused_has_its_own_exit_code(tmp_path: Path) -> None:
    nobody = {"LEADSTREAM_SCORING_URL": "http://127.0.0.1:1", "LEADSTREAM_ADMIN_KEY": "key"}
    assert run("check", str(tmp_path / "nothing.yaml"))[0] == 2
    assert run("history", "mood")[0] == 2
    assert run("history", "scoring", LEADSTREAM_SCORING_URL="")[0] == 3
    code, _, err = run("history", "scoring", **nobody)
    assert (code, "is it running" in err) == (3, True)
