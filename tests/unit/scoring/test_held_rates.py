"""An A threshold that drops when volume is low, and rises when it is high: within bounds, a step at a time, with a forecast."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.held_rate import HeldRate
from services.scoring.domain.holding import Move, propose_threshold, reason_of, with_threshold
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.parts import Grades
from shared.rules import RuleFileError

DOCUMENT = """\
# Ours
kind: scoring
grades: {by: total, A: 50, B: 30, C: 10, hold: {a_per_day: 3, floor: 35, ceiling: 70}}   # 3 a day
rules: [{id: any, points: 5}]
"""


def grades(a: int = 50, **hold: Any) -> Grades:
    held = {"a_per_day": 3, "floor": 35, "ceiling": 70, **hold}
    return load_scoring_model(
        DOCUMENT.replace("A: 50", f"A: {a}").replace("{a_per_day: 3, floor: 35, ceiling: 70}", str(held))
    ).model.grades


# Forty-two leads in fourteen days, of which fourteen have 50 points and twenty-eight more lie just below.
LOW_VOLUME = Counter({60: 7, 52: 7, 47: 14, 45: 14, 20: 60})


def test_a_threshold_of_50_drops_when_volume_is_low() -> None:
    move = propose_threshold(grades(), LOW_VOLUME, days_live=30)
    assert move == Move(50, 45, 1.0, 3.0, 102)
    assert reason_of(move, HeldRate(a_per_day=3, floor=35, ceiling=70)) == (
        "A from 50 to 45: 1.0 A leads a day over 14 days, 3 wanted; at 45 the same 102 leads would have made 3.0"
    )


def test_it_rises_when_there_are_too_many() -> None:
    move = propose_threshold(grades(), Counter({51: 100, 54: 42}), days_live=30)
    assert move is not None and (move.after, move.forecast) == (52, 3.0)


@pytest.mark.parametrize(
    ("held", "points", "days_live"),
    [
        ({}, LOW_VOLUME, 6.9),  # it moved lately
        ({}, Counter({60: 42, 20: 60}), 30),  # the rate is right
        ({}, Counter({60: 36, 20: 60}), 30),  # and so it is within its tolerance
        ({}, Counter({60: 19}), 30),  # too few leads to tell
        ({"step": 2}, LOW_VOLUME, 30),  # nothing better is within a step
        ({"floor": 48}, LOW_VOLUME, 30),  # nor above the floor
    ],
)
def test_it_stays(held: dict[str, Any], points: Counter[int], days_live: float) -> None:
    assert propose_threshold(grades(**held), points, days_live=days_live) is None


def test_a_fixed_threshold_never_moves() -> None:
    fixed = Grades.model_validate({"by": "total", "A": 50, "B": 30, "C": 10})
    assert propose_threshold(fixed, LOW_VOLUME, days_live=900) is None


@given(st.dictionaries(st.integers(0, 200), st.integers(0, 80), max_size=30), st.integers(35, 70), st.integers(1, 20))
def test_a_move_keeps_to_its_bounds_and_comes_nearer(points: dict[int, int], a: int, step: int) -> None:
    held = grades(a, step=step)
    move = propose_threshold(held, points, days_live=30)
    if move is not None:
        assert 35 <= move.after <= 70 and 0 < abs(move.after - a) <= step
        assert abs(move.forecast - 3) < abs(move.rate - 3)


def test_nothing_of_the_document_changes_but_the_number() -> None:
    changed = with_threshold(DOCUMENT, 45)
    assert changed == DOCUMENT.replace("A: 50", "A: 45")
    assert load_scoring_model(changed).model.grades.a == 45
    block = "kind: scoring\ngrades:\n  A: 100\n  B: 30\n  C: 10\nrules: [{id: any, points: 5}]\n"
    assert with_threshold(block, 9) == block.replace("A: 100", "A: 9")


@pytest.mark.parametrize(
    "held",
    [
        "{a_per_day: 0, floor: 35, ceiling: 70}",
        "{a_per_day: 3, floor: 70, ceiling: 35}",
        "{a_per_day: 3, floor: 30, ceiling: 70}",  # not above B
        "{a_per_day: 3, floor: 35, ceiling: 49}",  # A is above it
        "{a_per_day: 3, floor: 35}",
    ],
)
def test_bounds_that_do_not_go_together_are_refused(held: str) -> None:
    with pytest.raises(RuleFileError):
        load_scoring_model(DOCUMENT.replace("{a_per_day: 3, floor: 35, ceiling: 70}", held))


def test_what_is_held_is_written() -> None:
    with pytest.raises(RuleFileError, match="A written beside hold"):
        load_scoring_model(DOCUMENT.replace("A: 50, ", "").replace("ceiling: 70", "ceiling: 90"))
    with pytest.raises(RuleFileError, match="a fixed A"):
        load_scoring_model(
            DOCUMENT
            + "personas: [{id: p, when: {always: true}, grades: {A: 50, B: 30, C: 10, hold: {a_per_day: 3, floor: 35, ceiling: 70}}}]\n"
        )
