"""Outcomes of the stored past: rules are learned from them and held against them, by each lead's first state."""

import io
from typing import Any

import pytest

from services.preview.job import run
from services.reporting.domain.bundles import Entry
from services.reporting.domain.frames import frames
from services.scoring.domain.model import load_scoring_model
from tests.support.previews import captured, closed, pieces

SCORING = "kind: scoring\nrules: [{id: ceo, points: 30, when: {field: title, eq: CEO}}]\n"


def past(leads: int) -> list[Entry]:
    """CEOs are mostly won, others mostly lost; after that every title says what became of it."""
    found = []
    for n in range(leads):
        ceo = n % 2 == 0
        won = n % 10 < 8 if ceo else n % 10 > 8
        found += [captured(n, at=n, title="CEO" if ceo else "Clerk"), closed(n, "Closed Won" if won else "Closed Lost")]
        found.append(captured(n, at=10**6 + n, version=2, title="won" if won else "lost"))
    return found


def done(job: dict[str, Any], entries: list[Entry]) -> dict[str, Any]:
    return run(frames(io.BytesIO(pieces(job, [entries]))))


def test_a_document_is_learned_from_first_states() -> None:
    found = done({"task": "learn", "name": "learned", "support": 50}, past(400))
    assert (found["outcomes"], found["won"]) == (400, 200)
    model = load_scoring_model(found["document"]).model
    assert {"title-ceo", "title-clerk"} <= {rule.id for rule in model.rules}
    assert "title-won" not in found["document"], "what became known afterwards tells the outcome"


def test_too_short_a_past_is_told() -> None:
    found = done({"task": "learn", "name": "learned", "support": 50}, past(30))
    assert found["refused"] == "not_enough_data" and "30 outcomes" in found["detail"]


def test_rules_are_held_against_first_states() -> None:
    found = done({"task": "outcomes", "document": SCORING, "support": 50}, past(400))
    (ceo,) = found["rules"]
    assert (ceo["support"], ceo["says"]) == (200, "agrees") and ceo["rate"] == pytest.approx(0.8, abs=0.3)


def test_a_broken_document_is_told() -> None:
    found = done({"task": "outcomes", "document": "kind: scoring\n", "support": 50}, past(2))
    assert found["problems"][0]["line"] == 1
