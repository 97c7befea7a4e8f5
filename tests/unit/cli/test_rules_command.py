"""`leadstream rules`: exit codes, and problems with their place, for every kind."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.rules import KINDS, rules_app

ROOT = Path(__file__).parents[3]
DEFAULTS = sorted((ROOT / "services").glob("*/rules/*.yaml"))


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


@pytest.mark.parametrize("text", ["kind: mood\n", "rules: []\n", "- kind\n", "", "kind: [scoring]\n", "kind: 1\n"])
def test_a_document_of_no_known_kind_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    code, _, err = run("check", str(file))
    assert code == 1
    assert "expected one of scoring, assignment, gate" in err


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
