"""Scoring documents: what is refused and where, what is assumed, and what a model gives."""

from pathlib import Path
from typing import Any

import pytest

import services.scoring
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.scoring import compile_model, compute_score
from shared.rules import RuleFileError
from tests.support.scoring import NOW, lead

DEFAULT = Path(services.scoring.__file__).parent / "rules" / "scoring.yaml"

CEO_AND_MANAGER = """\
kind: scoring
name: titles
rules:
  - {id: ceo, points: 10, reason: A CEO, when: {field: title, matches: '\\bceo\\b'}}
  - {id: manager, points: 3, when: {field: title, contains: manager}}
"""


def score_of(document: str, facts: dict[str, Any]) -> dict[str, Any]:
    model = compile_model(load_scoring_model(document), version=1)
    return compute_score(facts, model, now=NOW)


@pytest.mark.parametrize(("title", "points"), [("CEO", 10), ("Marketing Manager", 3), ("Student", 0), (None, 0)])
def test_ten_points_to_a_ceo_and_three_to_a_manager(title: str | None, points: int) -> None:
    score = score_of(CEO_AND_MANAGER, {"title": title})
    assert (score["value"], score["fit"], score["engagement"], score["clamp"]) == (points, points, 0, 0)


def test_every_contribution_says_why_and_never_quotes_the_lead() -> None:
    score = score_of(CEO_AND_MANAGER, {"title": "Ceo of Secretcorp"})
    assert score["contributions"] == [
        {"rule": "ceo", "axis": "fit", "points": 10, "reason": "A CEO", "matched": [r"title matches \bceo\b"]}
    ]
    assert "Secretcorp" not in repr(score)


def test_of_alternatives_only_those_that_were_met_are_listed() -> None:
    document = (
        "kind: scoring\nrules:\n  - id: r\n    points: 5\n    when:\n      any:\n"
        "        - {field: title, contains: chief}\n        - {field: source, in: [event, partner]}\n"
        "        - not: {field: email_free, eq: true}\n"
    )
    score = score_of(document, {"title": "Chief", "source": "list", "email_free": False})
    assert score["contributions"][0]["matched"] == ["title contains chief", "not email_free eq true"]
    assert score["contributions"][0]["reason"] == "r"


LIMITED = """\
kind: scoring
groups: {seniority: {max: 12}, doubts: {min: -3}}
limits: {fit: {max: 20}}
rules:
  - {id: a, group: seniority, points: 10, when: {field: a, eq: true}}
  - {id: b, group: seniority, points: 10, when: {field: b, eq: true}}
  - {id: c, points: 15, when: {field: c, eq: true}}
  - {id: d, group: doubts, points: -9, when: {field: d, eq: true}}
  - {id: e, axis: engagement, points: 7, when: {field: e, eq: true}}
""".replace("field: ", "field: extra.")


@pytest.mark.parametrize(
    ("met", "fit", "clamp"),
    [("a", 10, 0), ("ab", 12, -8), ("abc", 20, -15), ("d", 0, 9), ("ad", 7, 6), ("abcd", 20, -6), ("cd", 12, 6)],
)
def test_groups_are_held_first_then_the_axis(met: str, fit: int, clamp: int) -> None:
    score = score_of(LIMITED, {"extra": dict.fromkeys(met, True)})
    assert (score["fit"], score["clamp"]) == (fit, clamp)
    assert sum(each["points"] for each in score["contributions"]) + clamp == fit


def test_the_score_is_fit_and_engagement() -> None:
    score = score_of(LIMITED, {"extra": {"a": True, "e": True}})
    assert (score["value"], score["fit"], score["engagement"]) == (17, 10, 7)


@pytest.mark.parametrize(
    ("points", "grade", "temperature"),
    [(100, "A", "hot"), (75, "A", "hot"), (74, "B", "hot"), (60, "B", "hot"), (59, "B", "warm"), (50, "B", "warm"),
     (49, "C", "warm"), (30, "C", "warm"), (29, "C", "cold"), (25, "C", "cold"), (24, "D", "cold"), (1, "D", "cold")],
)  # fmt: skip
def test_default_grades_and_temperatures(points: int, grade: str, temperature: str) -> None:
    score = score_of(f"kind: scoring\nrules: [{{id: r, points: {points}}}]\n", {})
    assert (score["grade"], score["temperature"]) == (grade, temperature)


@pytest.mark.parametrize(("points", "grade"), [(50, "A"), (49, "B"), (30, "B"), (29, "C"), (10, "C"), (9, "D")])
def test_a_single_score_is_an_a_from_50_points_on_where_nothing_is_said(points: int, grade: str) -> None:
    assert (
        score_of(f"kind: scoring\ngrades: {{by: total}}\nrules: [{{id: any, points: {points}}}]\n", {})["grade"]
        == grade
    )


def test_grades_may_look_at_the_whole_score() -> None:
    rules = "rules: [{id: f, points: 30}, {id: e, axis: engagement, points: 30}]\n"
    assert score_of(f"kind: scoring\n{rules}", {})["grade"] == "C"
    assert score_of(f"kind: scoring\ngrades: {{by: total, A: 60, B: 50, C: 10}}\n{rules}", {})["grade"] == "A"


def test_amounts_are_compared_as_numbers() -> None:
    document = "kind: scoring\nrules: [{id: r, points: 5, when: {field: budget.amount, gte: 50000}}]\n"
    assert score_of(document, {"budget": {"amount": "50000.00", "currency": "USD"}})["value"] == 5
    assert score_of(document, {"budget": {"amount": "49999.99", "currency": None}})["value"] == 0
    odds: list[Any] = ["", "lots", None, [], {"a": 1}]
    for odd in odds:
        assert score_of(document, {"budget": {"amount": odd}})["value"] == 0
    revenue = document.replace("budget.amount", "company.annual_revenue.amount")
    assert score_of(revenue, {"company": {"annual_revenue": {"amount": "1e6"}}})["value"] == 5


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("kind: routing\nrules: []\n", "1:7", "scoring"),
        ("kind: scoring\nrules: []\nrule: 1\n", "3:1", "known key"),
        ("kind: scoring\nrules: [{id: a, points: 0}]\n", "2:25", "not 0"),
        ("kind: scoring\nrules: [{id: a, points: 1.5}]\n", "2:25", "whole number"),
        ("kind: scoring\nrules: [{id: a, points: '5'}]\n", "2:25", "whole number"),
        ("kind: scoring\nrules: [{id: a, points: 1000000}]\n", "2:25", "-1000 to 1000"),
        ("kind: scoring\nrules: [{id: a}]\n", "2:9", "points"),
        ("kind: scoring\nrules:\n  - {id: a, points: 1}\n  - {id: a, points: 2}\n", "4:10", "used once"),
        ("kind: scoring\nrules: [{id: a, points: 1, group: g}]\n", "2:35", "stands under groups"),
        ("kind: scoring\nrules: [{id: a, points: 1, axis: mood}]\n", "2:34", "fit"),
        ("kind: scoring\nrules: [{id: a, points: 1, when: {field: titel, eq: x}}]\n", "2:42", "known field"),
        ("kind: scoring\nrules: [{id: a, points: 1, when: {field: touch_count, contains: x}}]\n", "2:55", "number"),
        ("kind: scoring\nrules: []\ngrades: {A: 10, B: 50}\n", "3:9", "A above B above C"),
        ("kind: scoring\nrules: []\ngrades: {A: 500}\n", "3:13", "0 to 200"),
        ("kind: scoring\nrules: []\ntemperature: {hot: 10, warm: 20}\n", "3:14", "hot above warm"),
        ("kind: scoring\nrules: []\nlimits: {fit: {max: 101}}\n", "3:21", "0 to 100"),
        ("kind: scoring\nrules: []\ngroups: {g: {min: 2, max: 3}}\n", "3:19", "0 or less"),
        ("kind: scoring\nrules: []\ngroups: {g: {}}\n", "3:13", "min or max"),
    ],
)
def test_a_broken_model_is_refused_with_its_place(text: str, place: str, words: str) -> None:
    with pytest.raises(RuleFileError) as refused:
        load_scoring_model(text, "m.yaml")
    assert f"m.yaml:{place}" in str(refused.value), str(refused.value)
    assert words in str(refused.value)


def test_a_group_is_of_one_axis() -> None:
    text = (
        "kind: scoring\ngroups: {g: {max: 1}}\nrules:\n  - {id: a, group: g, points: 1}\n"
        "  - {id: b, group: g, points: 1, axis: engagement}\n"
    )
    with pytest.raises(RuleFileError, match="all of one axis"):
        load_scoring_model(text)


def test_the_default_model_has_no_doubts_and_tells_good_from_bad() -> None:
    loaded = load_scoring_model(DEFAULT.read_bytes(), DEFAULT.name)
    assert loaded.warnings == ()
    model = compile_model(loaded, version=1)

    def fit(**facts: Any) -> int:
        return int(compute_score(lead(1, **facts), model, now=NOW)["fit"])

    assert fit(title="CEO") > fit(title="Marketing Manager") > fit(title="Student")
    assert fit(title="Director of Sales") > fit(title="Office Manager")
    assert fit(email_free=True) < fit()
    assert fit(email_disposable=True) < fit(email_free=True)
    assert fit(phone="+14155550100") > fit()
    assert fit(budget={"amount": "60000", "currency": "EUR"}) > fit(budget={"amount": "6000"}) > fit()
    assert fit(source="referral") > fit() > fit(source="list")
    best = compute_score(lead(1, title="CEO", phone="+1", budget={"amount": "60000"}, products=["crm"]), model, now=NOW)
    worst = compute_score({"lead_id": "x", "email_free": True, "title": "Student", "source": "list"}, model, now=NOW)
    assert (best["grade"], worst["grade"], worst["value"]) == ("A", "D", 0)


RULE = "{id: a, points: 5}"
PAGES = "{id: p, event: page.viewed, points: 5}"


def test_a_model_without_any_rule_is_warned_about() -> None:
    (warning,) = load_scoring_model("kind: scoring\nrules: []\n", "m.yaml").warnings
    assert str(warning).startswith("m.yaml:2:8 rules: no lead will ever get a point")


@pytest.mark.parametrize(
    "rest",
    [
        f"rules: [{RULE}]",
        f"rules: []\nbehaviour: [{PAGES}]",
        f"rules: []\npersonas: [{{id: x, when: {{field: title, eq: CEO}}, rules: [{RULE}]}}]",
    ],
)
def test_a_model_with_a_rule_somewhere_is_not(rest: str) -> None:
    assert load_scoring_model(f"kind: scoring\n{rest}\n").warnings == ()
