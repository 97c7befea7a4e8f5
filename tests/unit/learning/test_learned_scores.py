"""A learned score is a scoring document like any other: it scores as it was fitted, keeps its word, and is not made of too little."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.learning.artefact import NotEnoughData, chance_of, document_of, learn, scores_of
from services.scoring.domain.learning.bins import find_bins
from services.scoring.domain.learning.evaluating import document_by, evaluate, leaking_fields, nested
from services.scoring.domain.learning.figures import auc_of, calibration_of, rate_of, stability_of
from services.scoring.domain.learning.reporting import OutcomeTally
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.scoring import compile_model, weigh

TITLES = {"CEO": 0.7, "Manager": 0.4, "Student": 0.05}
SCORING = """
kind: scoring
grades: {by: total, A: 30, B: 20, C: 10}
rules:
  - {id: ceo, points: 30, when: {field: title, eq: CEO}}
  - {id: manager, points: -20, when: {field: title, eq: Manager}}
  - {id: rare, points: 5, when: {field: title, eq: Pope}}
"""


def examples(count: int, seed: int = 3) -> tuple[list[dict[str, Any]], list[bool]]:
    """Leads whose title and size decide how often they are won, and whose colour does not."""
    rng = random.Random(seed)
    rows, outcomes = [], []
    for _ in range(count):
        title, size = rng.choice(list(TITLES)), rng.choice([5.0, 50.0, 500.0, 5000.0])
        row: dict[str, Any] = {"title": title, "company.employees": size, "extra.colour": rng.choice(["red", "blue"])}
        if rng.random() < 0.3:
            del row["company.employees"]
        rows.append(row)
        outcomes.append(rng.random() < TITLES[title] + (0.2 if row.get("company.employees", 0) > 100 else 0.0))
    return rows, outcomes


def test_the_document_is_checked_like_any_other_and_scores_as_it_was_fitted() -> None:
    rows, outcomes = examples(2000)
    card = learn(rows, outcomes)
    loaded = load_scoring_model(document_of(card, name="learned", made_of="a test"))
    assert loaded.warnings == ()
    model = compile_model(loaded, version=1)
    expected = scores_of(card, len(rows))
    for row, score in zip(rows, expected, strict=True):
        found = weigh(nested(row), model).score
        assert found["value"] == score
        assert sum(each["points"] for each in found["contributions"]) + found["clamp"] == score
    assert auc_of(expected, outcomes) > 0.8


def test_the_same_examples_give_the_same_document() -> None:
    rows, outcomes = examples(600)
    first, second = (document_of(learn(rows, outcomes), name="learned", made_of="a test") for _ in range(2))
    assert first == second


def test_what_decides_gets_points_and_what_does_not_gets_next_to_none() -> None:
    rows, outcomes = examples(4000)
    points = {(e.bin.field, e.bin.label): e.points for e in learn(rows, outcomes).entries}
    assert points["title", "CEO"] > 5 and points["title", "Student"] < -10
    assert all(abs(worth) <= 2 for (field, _), worth in points.items() if field == "extra.colour")


def test_scores_are_chances_and_keep_their_word_out_of_fold() -> None:
    assert chance_of(50) == 0.5 and chance_of(60) == pytest.approx(2 / 3) and chance_of(40) == pytest.approx(1 / 3)
    rows, outcomes = examples(4000)
    found = evaluate(rows, outcomes, document_by("learned", "a test", 50), folds=4)
    assert 0.75 < found.auc < 0.9 and found.calibration_error < 0.04
    assert len(found.auc_by_fold) == 4 and sum(band.count for band in found.calibration) == 4000


def test_another_way_is_held_against_the_same_folds() -> None:
    rows, outcomes = examples(800)
    found = evaluate(
        rows, outcomes, document_by("l", "a test", 50), others={"chance": lambda _r, _o, held: [0.5] * len(held)}
    )
    assert found.others == {"chance": 0.5}


@pytest.mark.parametrize(("count", "wins"), [(199, 100), (1000, 39), (1000, 961)])
def test_too_little_is_refused_with_how_much_is_needed(count: int, wins: int) -> None:
    outcomes = [True] * wins + [False] * (count - wins)
    with pytest.raises(NotEnoughData, match=rf"not enough data: {count} outcomes, {wins} of them won; at least 200"):
        learn([{"title": "CEO"}] * count, outcomes)


def test_no_rule_rests_on_fewer_leads_than_asked_for() -> None:
    rows, _ = examples(500)
    rows[0]["title"] = "Pope"
    for each in find_bins(rows, 50):
        assert 50 <= len(each.rows) <= 450


def test_a_field_that_is_filled_in_after_the_outcome_is_told() -> None:
    rows, outcomes = examples(500)
    for row, outcome in zip(rows, outcomes, strict=True):
        row["extra.tag"] = "will revert" if outcome else "ringing"
    assert list(leaking_fields(rows, outcomes)) == ["extra.tag"]


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=40))
def test_the_auc_is_that_of_every_pair(cases: list[tuple[int, bool]]) -> None:
    won, lost = [s for s, o in cases if o], [s for s, o in cases if not o]
    pairs = [(a > b) + (a == b) / 2 for a in won for b in lost]
    expected = sum(pairs) / len(pairs) if pairs else 0.5
    assert auc_of([s for s, _ in cases], [o for _, o in cases]) == pytest.approx(expected)


@given(st.integers(0, 200), st.integers(0, 200))
def test_an_interval_holds_its_rate_within_0_and_1(wins: int, losses: int) -> None:
    found = rate_of(wins, wins + losses)
    assert 0 <= found.low <= found.rate + 1e-9 and found.rate - 1e-9 <= found.high <= 1


def test_intervals_are_wilsons() -> None:
    assert rate_of(10, 20) == pytest.approx((0.5, 0.2993, 0.7007), abs=1e-3)
    assert rate_of(0, 0) == (0.0, 0.0, 1.0)


def test_bands_hold_every_lead_once_and_likeness_is_zero() -> None:
    assert sum(band.count for band in calibration_of([0.0, 0.05, 0.95, 1.0], [False, False, True, True])) == 4
    assert stability_of({"a": 50, "b": 50}, {"a": 500, "b": 500}) < 0.001
    assert stability_of({"a": 90, "b": 10}, {"a": 10, "b": 90}) > 0.2


def tallied(leads: Sequence[tuple[str, bool | None]]) -> dict[str, Any]:
    tally = OutcomeTally(compile_model(load_scoring_model(SCORING), version=1))
    for at, (title, won) in enumerate(leads):
        tally.add(tally.score({"title": title}), won=won, at=at)
    return tally.report(support=50)


def test_each_rule_is_held_against_outcomes() -> None:
    leads: list[tuple[str, bool | None]] = [("CEO", n % 10 < 8) for n in range(100)]
    leads += [("Manager", n % 10 < 6) for n in range(100)]
    leads += [("Clerk", n % 10 < 2) for n in range(200)] + [("Pope", True), ("CEO", None)]
    found = tallied(leads)
    says = {row["rule"]: row["says"] for row in found["rules"]}
    assert says == {"ceo": "agrees", "manager": "contradicts", "rare": "not enough data"}
    ceo = found["rules"][0]
    assert (ceo["support"], ceo["rate"]) == (100, 0.8) and ceo["low"] < 0.8 < ceo["high"] and ceo["lift"] == 1.77
    assert (found["leads"], found["outcomes"]) == (402, 401)


def test_few_outcomes_conclude_nothing() -> None:
    found = tallied([("CEO", True)] * 20)
    assert not found["enough"] and {row["says"] for row in found["rules"]} == {"not enough data"}
    assert found["drift"] == {"stability": None, "alarms": [], "says": "not enough data"}


def test_scores_that_moved_and_grades_that_no_longer_differ_are_alarms() -> None:
    steady: list[tuple[str, bool]] = [("CEO" if n % 2 else "Clerk", n % 4 == 1) for n in range(800)]
    assert tallied(steady)["drift"]["says"] == "steady"
    moved: list[tuple[str, None]] = [("CEO", None)] * 300 + [("Clerk", None)] * 300
    assert "scores moved" in tallied(moved)["drift"]["alarms"][0]
    weak: list[tuple[str, bool]] = [("CEO" if n % 2 else "Clerk", n % 4 in (1, 0)) for n in range(800)]
    assert "A does not win more often than D" in tallied(weak)["drift"]["alarms"][0]
