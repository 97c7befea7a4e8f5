"""Industry templates: each is whole, checked without a warning, and does what its cases expect."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from services.cli import templates
from services.cli.main import app
from services.cli.rules.kinds import load_document
from services.cli.templates import DOCUMENTS, about, folder_of, names
from shared.rules import fields_asked
from shared.rules.checking import walk
from shared.rules.conditions import FieldCondition

RUNNER = CliRunner()
INDUSTRIES = ["b2b_software", "call_centre", "education", "insurance", "real_estate"]


def test_there_are_five() -> None:
    assert names() == INDUSTRIES
    said = RUNNER.invoke(app, ["templates", "list", "--json"])
    assert [each["name"] for each in json.loads(said.stdout)] == INDUSTRIES


@pytest.mark.parametrize("name", INDUSTRIES)
@pytest.mark.parametrize("kind", DOCUMENTS)
def test_a_document_is_checked_without_a_warning(name: str, kind: str) -> None:
    file = folder_of(name) / f"{kind}.yaml"
    found, loaded = load_document(file.read_bytes(), str(file))
    assert kind == found.KIND and loaded.warnings == ()


@pytest.mark.parametrize("name", INDUSTRIES)
def test_its_cases_come_out_as_expected(name: str) -> None:
    said = RUNNER.invoke(app, ["templates", "test", name])
    assert said.exit_code == 0, said.output
    assert len(re.findall(r"\d+ cases passed", said.output)) == len(DOCUMENTS)


@pytest.mark.parametrize("name", INDUSTRIES)
def test_every_field_that_is_asked_about_or_mapped_is_described(name: str) -> None:
    described = set(about(name)["fields"])
    for kind in DOCUMENTS:
        file = folder_of(name) / f"{kind}.yaml"
        _, loaded = load_document(file.read_bytes(), str(file))
        asked = fields_asked(part for _, part in walk(loaded.model) if isinstance(part, FieldCondition))
        assert {field for field in asked if field.startswith("extra.")} <= described
    mapping = yaml.safe_load((folder_of(name) / "mapping.yaml").read_text(encoding="utf-8"))
    mapped = {f"extra.{column}" for column, place in mapping["columns"].items() if place == "extra"}
    assert mapped == described


def test_a_copy_can_be_changed_and_tested(tmp_path: Path) -> None:
    into = tmp_path / "mine"
    assert RUNNER.invoke(app, ["templates", "copy", "insurance", str(into)]).exit_code == 0
    assert RUNNER.invoke(app, ["rules", "test", str(into / "gate.yaml")]).exit_code == 0
    assert RUNNER.invoke(app, ["templates", "copy", "insurance", str(into)]).exit_code == 2
    assert RUNNER.invoke(app, ["templates", "show", "fishing"]).exit_code == 2


def test_an_installation_publishes_each_document_and_keeps_the_mapping(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    published: list[tuple[str, str, str]] = []

    def note(file: Path, author: str, reason: str, **_: Any) -> None:
        published.append((file.stem, author, reason))

    monkeypatch.setattr(templates, "publish", note)
    monkeypatch.setenv("LEADSTREAM_MAPPINGS", str(tmp_path / "mappings"))
    said = RUNNER.invoke(app, ["templates", "install", "education", "--author", "Ann", "--note", "our start"])
    assert said.exit_code == 0, said.output
    assert published == [(kind, "Ann", "our start") for kind in DOCUMENTS]
    assert [path.name for path in (tmp_path / "mappings").iterdir()] == ["education.v1.yaml"]


def test_rules_whose_cases_fail_are_not_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    RUNNER.invoke(app, ["templates", "copy", "education", str(broken)])
    gate = broken / "gate.yaml"
    gate.write_text(gate.read_text(encoding="utf-8").replace("min_score: 40", "min_score: 95"), encoding="utf-8")
    monkeypatch.setattr(templates, "_FOLDER", tmp_path)
    monkeypatch.setattr(templates, "publish", lambda *_: pytest.fail("it was published"))
    said = RUNNER.invoke(app, ["templates", "install", "broken", "--author", "Ann", "--note", "no"])
    assert said.exit_code == 1
