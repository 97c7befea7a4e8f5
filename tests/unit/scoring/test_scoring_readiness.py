"""When a lead is sales-ready, and what is missing."""

from typing import Any

import pytest

from services.scoring.domain.behaviour import Deed, ms_of
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.scoring import CompiledModel, compile_model, weigh_at
from services.scoring.domain.standing import Standing, take_readiness
from shared.rules import RuleFileError
from tests.support.scoring import NOW

NOW_MS = ms_of(NOW)
READY = """\
kind: scoring
rules: [{id: chief, points: 60, when: {field: title, eq: chief}}]
behaviour: [{id: form, event: form.submitted, points: 40, decay: {linear_days: 40}}]
sales_ready:
  fit: 50
  engagement: 30
  criteria: [{id: named, name: a name, when: {field: last_name, is_empty: false}}]
"""
LEAD = {"title": "chief", "last_name": "Lee", "email": "a@example.com"}
FORM = [Deed("a", NOW_MS, {"kind": "form.submitted"})]


def model_of(text: str = READY) -> CompiledModel:
    return compile_model(load_scoring_model(text), version=1)


def score(lead: dict[str, Any], deeds: Any = FORM, now_ms: int = NOW_MS) -> dict[str, Any]:
    return weigh_at(lead, model_of(), deeds, now_ms=now_ms, came_ms=NOW_MS).score


@pytest.mark.parametrize(
    ("change", "deeds", "missing"),
    [
        ({}, FORM, []),
        ({"email": None}, FORM, ["contactable"]),
        ({"email": None, "phone": "+14155550100"}, FORM, []),
        ({"contactable": {"any": False}}, FORM, ["contactable"]),
        ({"contactable": {"any": True, "email": False}}, FORM, []),
        ({"last_name": ""}, FORM, ["named"]),
        ({"title": "student"}, FORM, ["fit"]),
        ({}, [], ["engagement"]),
        ({"email": None, "title": None, "last_name": None}, [], ["contactable", "named", "fit", "engagement"]),
    ],
)
def test_what_is_missing_is_named(change: dict[str, Any], deeds: Any, missing: list[str]) -> None:
    found = score({**LEAD, **change}, deeds)
    assert (found["sales_ready"], found["missing"]) == (not missing, missing)


def test_readiness_ends_by_itself_when_engagement_fades() -> None:
    weighed = weigh_at(LEAD, model_of(), FORM, now_ms=NOW_MS, came_ms=NOW_MS)
    assert weighed.turns_ms is not None
    assert score(LEAD, now_ms=weighed.turns_ms - 1000)["sales_ready"] is True
    assert score(LEAD, now_ms=weighed.turns_ms)["missing"] == ["engagement"]


def test_a_model_that_does_not_say_when_says_nothing() -> None:
    silent = model_of("kind: scoring\nrules: []\n")
    weighed = weigh_at(LEAD, silent, FORM, now_ms=NOW_MS, came_ms=NOW_MS)
    assert "sales_ready" not in weighed.score
    standing = Standing("x", sales_ready=True)
    assert not take_readiness(standing, weighed) and standing.sales_ready


def test_only_transitions_are_told() -> None:
    standing = Standing("x")
    ready, not_yet = (weigh_at(LEAD, model_of(), deeds, now_ms=NOW_MS, came_ms=NOW_MS) for deeds in (FORM, []))
    assert [take_readiness(standing, each) for each in (not_yet, ready, ready, not_yet, not_yet, ready)] == [
        False, True, False, True, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("sales_ready: {fit: 101}", "3:20", "0 to 100"),
        ("sales_ready: {criteria: [{id: fit}]}", "3:31", "another id"),
        ("sales_ready: {criteria: [{id: a, when: {field: event.kind, eq: x}}]}", "3:40", "rules about events stand under behaviour"),
        ("sales_ready: {criteria: [{id: a, when: {field: titel, eq: x}}]}", "3:48", "did you mean title"),
        ("sales_ready: {criteria: [{id: a}, {id: a}]}", "3:40", "used once"),
        ("sales_ready: {score: 5}", "3:15", "known key"),
    ],
)  # fmt: skip
def test_a_broken_section_is_refused_with_its_place(text: str, place: str, words: str) -> None:
    with pytest.raises(RuleFileError) as refused:
        load_scoring_model(f"kind: scoring\nrules: []\n{text}\n", "m.yaml")
    assert f"m.yaml:{place} " in str(refused.value), str(refused.value)
    assert words in str(refused.value)
