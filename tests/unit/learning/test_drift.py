"""Drift of a learned score: its document carries what is needed, and a crossing is told once."""

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from services.scoring.domain.learning.artefact import document_of, learn, scores_of
from services.scoring.domain.learning.drifting import LEAST_LEADS, Drift, bands_of, drift_of
from services.scoring.domain.model import load_scoring_model
from services.scoring.drift import DriftWatch

TRAINED = [100, 200, 300, 200, 100, 50, 30, 10, 5, 5]
ALIKE = {band * 10 + 3: count for band, count in enumerate(TRAINED)}
HIGHER = {score + 30: count for score, count in ALIKE.items()}


@pytest.fixture
def watch() -> Iterator[DriftWatch]:
    made = DriftWatch()
    yield made
    made.note(None)


def test_a_learned_document_says_how_the_scores_that_it_was_learned_from_are_spread() -> None:
    rows = [{"title": "CEO" if n % 2 else "Clerk"} for n in range(600)]
    outcomes = [(n % 2 == 1 and n % 10 > 2) or (n % 2 == 0 and n % 10 == 4) for n in range(600)]
    card = learn(rows, outcomes)
    learned = load_scoring_model(document_of(card, name="learned", made_of="a test")).model.learned
    assert learned is not None
    assert list(learned.scores) == bands_of(scores_of(card, len(rows)))
    assert sum(learned.scores) == 600 and max(learned.scores) < 600


def test_scores_of_the_edges_have_a_band() -> None:
    assert bands_of([0, 9, 10, 90, 100, 150]) == [2, 1, 0, 0, 0, 0, 0, 0, 0, 3]


def test_the_same_spread_is_steady_and_another_has_moved() -> None:
    steady, moved = drift_of(4, TRAINED, ALIKE), drift_of(4, TRAINED, HIGHER)
    assert steady.stability == pytest.approx(0) and steady.says == "steady"
    assert moved.says == "moved" and moved.as_dict()["leads"] == 1000


def test_too_few_leads_conclude_nothing() -> None:
    found = drift_of(4, TRAINED, {95: LEAST_LEADS - 1})
    assert (found.stability, found.says) == (None, "not enough data")


def warned(watch: DriftWatch, *drifts: Drift | None) -> list[int]:
    with capture_logs() as logs:
        for drift in drifts:
            watch.note(drift)
    return [entry["version"] for entry in logs if entry["event"] == "learned_score_moved"]


def index(version: int) -> float | None:
    return REGISTRY.get_sample_value("learned_score_stability_index", {"version": str(version)})


def test_a_crossing_is_told_once_and_again_after_a_return(watch: DriftWatch) -> None:
    steady, moved = drift_of(4, TRAINED, ALIKE), drift_of(4, TRAINED, HIGHER)
    assert warned(watch, steady, moved, moved) == [4]
    assert index(4) == moved.stability
    assert warned(watch, steady, moved) == [4]


def test_another_version_begins_anew_and_none_has_no_metric(watch: DriftWatch) -> None:
    assert warned(watch, drift_of(4, TRAINED, HIGHER), drift_of(5, TRAINED, HIGHER)) == [4, 5]
    assert index(4) is None and index(5) is not None
    assert warned(watch, drift_of(5, TRAINED, {})) == []
    assert index(5) is None
