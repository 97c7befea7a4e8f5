"""`leadstream score`: any CSV file with an outcome column makes a document that can be published."""

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app

RUNNER = CliRunner()


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = random.Random(5)
    lines = ["Lead Number,Job Title,Visits,Tag,Bought"]
    for n in range(1200):
        title = rng.choice(["CEO", "Clerk", "", "Select"])
        won = rng.random() < (0.8 if title == "CEO" else 0.3)
        lines.append(f"{100000 + n},{title},{rng.randrange(9)},{'hot' if won else 'cold'},{'yes' if won else 'no'}")
    file = tmp_path / "leads.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def test_a_learned_document_can_be_checked_and_reported_on(table: Path, tmp_path: Path) -> None:
    out, shown = tmp_path / "learned.yaml", ["--outcome", "Bought", "--ignore", "Tag", "--field", "Job Title=title"]
    trained = RUNNER.invoke(app, ["score", "train", str(table), *shown, "--out", str(out)])
    assert trained.exit_code == 0, trained.output
    text = out.read_text(encoding="utf-8")
    assert "field: title" in text and "lead_number" not in text and "extra.tag" not in text
    assert RUNNER.invoke(app, ["rules", "check", str(out)]).exit_code == 0
    said = RUNNER.invoke(app, ["score", "report", str(out), "--table", str(table), *shown, "--json"])
    rules = {row["rule"]: row for row in json.loads(said.stdout)["rules"]}
    assert rules["title-ceo"]["says"] == "agrees" and rules["title-ceo"]["points"] > 0


def test_an_evaluation_says_how_good_and_warns_of_what_leaks(table: Path) -> None:
    said = RUNNER.invoke(app, ["score", "evaluate", str(table), "--outcome", "Bought"])
    assert said.exit_code == 0 and "Tag by itself tells outcomes apart" in said.output
    figures = RUNNER.invoke(app, ["score", "evaluate", str(table), "--outcome", "Bought", "--ignore", "Tag", "--json"])
    assert 0.6 < json.loads(figures.stdout)["auc"] < 0.85


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--outcome", "Sold"],
        ["--outcome", "Bought", "--ignore", "Nope"],
        ["--outcome", "Bought", "--field", "Tag=nope"],
    ],
)
def test_misuse_says_what_there_is(table: Path, options: list[str]) -> None:
    assert RUNNER.invoke(app, ["score", "train", str(table), *options]).exit_code == 2


def test_too_few_outcomes_are_told(table: Path, tmp_path: Path) -> None:
    few = tmp_path / "few.csv"
    few.write_text("\n".join(table.read_text().splitlines()[:50]), encoding="utf-8")
    said = RUNNER.invoke(app, ["score", "train", str(few), "--outcome", "Bought"])
    assert said.exit_code == 1 and "not enough data: 49 outcomes" in said.output
