"""`leadstream rules test`: cases that hold, cases that do not with their place and why, and cases that are no cases."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.rules import KINDS, rules_app

ROOT = Path(__file__).parents[3]
CASES = sorted([*(ROOT / "services").glob("*/rules/*.tests.yaml"), *(ROOT / "examples/rules").glob("*.tests.yaml")])


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(rules_app, ["test", *arguments])
    return result.exit_code, result.stdout, result.stderr


def written(folder: Path, rules: str, cases: str) -> str:
    (folder / "mine.yaml").write_text(rules)
    (folder / "mine.tests.yaml").write_text(cases)
    return str(folder / "mine.yaml")


@pytest.mark.parametrize("cases", CASES, ids=lambda file: file.name)
def test_what_is_shipped_passes_its_own_cases(cases: Path) -> None:
    code, out, err = run(str(cases.with_name(cases.name.replace(".tests", ""))))
    assert (code, err) == (0, ""), err
    assert out.endswith("cases passed\n")


def test_every_kind_ships_cases() -> None:
    assert {f"kind: {kind}-tests" in file.read_text() for kind in KINDS for file in CASES} == {True, False}
    assert all(any(f"kind: {kind}-tests" in file.read_text() for file in CASES) for kind in KINDS)


MODEL = """kind: scoring
rules:
  - {id: ceo, points: 10, when: {field: title, contains: ceo}}
  - {id: free, points: -3, when: {field: email_free, eq: true}}
"""
SCORED = """kind: scoring-tests
cases:
  - name: A chief
    lead: {title: CEO}
    expect: {score: 12, contributions: {ceo: 12, vip: 2}}
  - name: Another
    lead: {title: CEO, email_free: true}
    expect: {score: 7}
ranked: [Another, A chief]
"""


def test_what_comes_out_otherwise_is_told_with_place_values_and_reason(tmp_path: Path) -> None:
    file = written(tmp_path, MODEL, SCORED)
    code, out, err = run(file)
    cases = tmp_path / "mine.tests.yaml"
    assert code == 1
    assert err.splitlines() == [
        f"{cases}:5:21 A chief: score: expected 12, found 10 (ceo 10)",
        f"{cases}:5:46 A chief: contributions.ceo: expected 12, found 10",
        f"{cases}:5:55 A chief: contributions.vip: expected 2, found nothing",
        f"{cases}:9:10 Another: ranked: expected a score above that of A chief (10), found 7 (ceo 10, free -3)",
    ]
    assert out == f"{cases}: 2 of 2 cases failed\n"
    shown = json.loads(run(file, "--json")[1])
    assert (shown["cases"], shown["failed"], shown["failures"][0]["line"]) == (2, 2, 5)


def test_points_that_nobody_expected_are_told(tmp_path: Path) -> None:
    file = written(
        tmp_path, MODEL, SCORED.replace("{score: 12, contributions: {ceo: 12, vip: 2}}", "{contributions: {}}")
    )
    assert "A chief: contributions.ceo: expected nothing, found 10" in run(file)[2]


def test_another_owner_is_told_with_the_entries_that_were_tried(tmp_path: Path) -> None:
    rules = (ROOT / "services/routing/rules/assignment.yaml").read_text()
    cases = """kind: assignment-tests
members: [{id: ann, active: false, queues: [sales]}]
cases:
  - {name: Big, score: {grade: A}, lead: {company: {employees: 5}}, expect: {queue: enterprise}}
"""
    code, _, err = run(written(tmp_path, rules, cases))
    assert code == 1
    assert "Big: queue: expected enterprise, found unassigned (enterprise wants company.employees gte 1000; " in err
    assert "qualified passes over ann: inactive; qualified took it)" in err


def test_another_verdict_of_the_gate_is_told_with_what_is_missing(tmp_path: Path) -> None:
    rules = (ROOT / "services/conversion/rules/gate.yaml").read_text()
    cases = """kind: gate-tests
cases:
  - {name: Bare, score: {value: 60}, lead: {name: Ann}, expect: {opens: true, missing: [has-company]}}
"""
    code, _, err = run(written(tmp_path, rules, cases))
    assert code == 1
    assert "Bare: opens: expected true, found false (it lacks has-company, reachable)" in err
    assert "Bare: missing: expected [has-company], found [has-company, reachable]" in err


@pytest.mark.parametrize(
    ("case", "problem"),
    [
        ("{name: a, lead: {titel: CEO}, expect: {score: 1}}", "3:22 cases[0].lead.titel: expected a known field"),
        ("{name: a, lead: {title: 5}, expect: {score: 1}}", "3:29 cases[0].lead.title: expected text, found a whole num"),
        ("{name: a, lead: {company: {employees: ten}}, expect: {score: 1}}", "lead.company.employees: expected a number"),
        ("{name: a, lead: {company: Acme}, expect: {score: 1}}", "lead.company: expected a known field"),
        ("{name: a, lead: {products: crm}, expect: {score: 1}}", "lead.products: expected a list, found text"),
        ("{name: a, lead: {email_free: 1}, expect: {score: 1}}", "lead.email_free: expected true or false"),
        ("{name: a, expect: {}}", "cases[0].expect: expected at least one of score, fit, engagement"),
        ("{name: a, expect: {scores: 1}}", "cases[0].expect.scores: expected a known key, found an unknown one (did you"),
        ("{name: a, expect: {score: '1'}}", "cases[0].expect.score: expected a whole number, found text"),
        ("{name: a}", "cases[0].expect: expected this key"),
        ("{name: a, expect: {score: 0}}\n  - {name: a, expect: {score: 0}}", "cases[1].name: expected a name that is used once"),
        ("{name: a, expect: {score: 0}}\nranked: [a, b]", "4:13 ranked[1]: expected the name of a case"),
    ],
)  # fmt: skip
def test_cases_that_could_never_fail_or_make_no_sense_are_refused(tmp_path: Path, case: str, problem: str) -> None:
    code, out, err = run(written(tmp_path, MODEL, f"kind: scoring-tests\ncases:\n  - {case}\n"))
    assert (code, out) == (1, "")
    assert problem in err


def test_files_that_are_missing_or_of_another_kind_are_named(tmp_path: Path) -> None:
    (tmp_path / "alone.yaml").write_text(MODEL)
    code, _, err = run(str(tmp_path / "alone.yaml"))
    assert (code, "alone.tests.yaml is not there" in err) == (2, True)
    file = written(tmp_path, MODEL, "kind: gate-tests\ncases: []\n")
    assert "mine.tests.yaml:1:7 kind: expected 'scoring-tests'" in run(file)[2]
    file = written(tmp_path, "kind: scoring\nrules: 1\n", SCORED)
    assert run(file)[2].startswith(f"{file}:2:8 rules: expected a list")
