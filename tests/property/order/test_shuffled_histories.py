"""Histories of a lead in any order, some records repeated: each stage ends where the sorted history ends.

Capture's own part, its facts, is in `tests/property/capture/test_capture_facts_properties.py`; the same through running
services is fault F20.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.conversion.domain.leads import LeadState, parts_of
from services.routing.domain.inbound import ScoredLead
from services.routing.handlers.events import new_state
from services.routing.handlers.routing import with_newer_parts
from services.routing.ports import RoutedLead
from services.scoring.domain.inbound import CapturedLead
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.scoring import CompiledModel, compile_model
from services.scoring.domain.standing import Standing, score_captured, why_not_scored
from services.scoring.seed import DEFAULT_MODEL
from shared.contracts import ids

_LEAD = ids.derive(ids.LEADS, "1")
_NOW = "2026-01-05T10:00:00Z"
_TITLES = st.sampled_from(["CEO", "Student", "VP Sales", None])
_COUNTRIES = st.sampled_from(["US", "DE", None])

histories = st.lists(st.tuples(_TITLES, _COUNTRIES, st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=8)


def _records(history: Sequence[tuple[Any, Any, int, int]]) -> list[dict[str, Any]]:
    """Each record with its own lead's version, and score and assignment as they stood at its time."""
    score = assignment = 1
    records = []
    for version, (title, country, scored, assigned) in enumerate(history, 1):
        score, assignment = score + scored, assignment + assigned
        records.append(
            {
                "lead": {"lead_id": _LEAD, "title": title, "address": {"country": country}, "version": version},
                "lead_version": version,
                "score": {"value": score, "grade": "A", "scored_at": _NOW},
                "score_version": score,
                "assignment": {"owner": f"member-{assignment}"},
                "assignment_version": assignment,
                "origin": {"source": "website", "received_at": _NOW},
            }
        )
    return records


def _shuffled(records: Sequence[dict[str, Any]], random: Random) -> list[dict[str, Any]]:
    shuffled = [*records, *random.choices(records, k=2)]
    random.shuffle(shuffled)
    return shuffled


@cache
def _model() -> CompiledModel:
    return compile_model(load_scoring_model(DEFAULT_MODEL.read_bytes()), version=1)


def _standing_after(records: Sequence[dict[str, Any]]) -> Standing:
    standing = Standing(_LEAD)
    for record in records:
        kept = {name: record[name] for name in ("lead", "lead_version", "origin")}
        captured = CapturedLead.model_validate_json(orjson.dumps({"outcome": "new", "matched_by": None, **kept}))
        if why_not_scored(standing, captured, redirected=False) is None:
            score_captured(standing, captured, _model(), redirected=False, now=_NOW)
    return standing


def _routed_after(records: Sequence[dict[str, Any]]) -> RoutedLead:
    state: RoutedLead | None = None
    for record in records:
        kept = {name: record[name] for name in ("lead", "lead_version", "score", "score_version", "origin")}
        event = ScoredLead.model_validate_json(orjson.dumps(kept))
        if state is None:
            state = new_state(event, b"{}", owner="ann", queue=None, at=datetime(2026, 1, 5, tzinfo=UTC))
        else:
            state = with_newer_parts(state, event) or state
    assert state is not None
    return state


def _known_after(records: Sequence[dict[str, Any]]) -> LeadState:
    states = [
        LeadState(_LEAD, r["lead_version"], r["score_version"], r["assignment_version"], orjson.dumps(r))
        for r in records
    ]
    first, *others = states
    for other in others:
        first.take_newer(other)
    return first


@settings(max_examples=1000, deadline=None)
@given(histories, st.randoms(use_true_random=False))
def test_scoring_ends_with_the_newest_lead_and_its_score(history: Any, random: Random) -> None:
    records = _records(history)
    one, other = _standing_after(records), _standing_after(_shuffled(records, random))
    assert (one.lead, one.lead_version, one.score) == (other.lead, other.lead_version, other.score)
    assert one.lead_version == len(records)


@settings(max_examples=1000, deadline=None)
@given(histories, st.randoms(use_true_random=False))
def test_routing_ends_with_the_newest_lead_and_the_newest_score(history: Any, random: Random) -> None:
    records = _records(history)
    one, other = _routed_after(records), _routed_after(_shuffled(records, random))
    assert (one.lead, one.lead_version, one.score_version) == (other.lead, other.lead_version, other.score_version)
    assert orjson.loads(one.score)["value"] == orjson.loads(other.score)["value"] == records[-1]["score"]["value"]
    assert one.lead_version == len(records)


@settings(max_examples=1000, deadline=None)
@given(histories, st.randoms(use_true_random=False))
def test_conversion_ends_with_the_newest_of_each_part(history: Any, random: Random) -> None:
    records = _records(history)
    one, other = _known_after(records), _known_after(_shuffled(records, random))
    assert one.routed is not None and other.routed is not None
    assert _told(one.routed) == _told(other.routed) == {name: records[-1][name] for name in _PARTS}
    versions = (other.lead_version, other.score_version, other.assignment_version)
    assert versions == (one.lead_version, one.score_version, one.assignment_version)


_PARTS = ("lead", "score", "assignment")


def _told(routed: bytes) -> dict[str, Any]:
    parts = parts_of(routed)
    return {name: orjson.loads(bytes(getattr(parts, name))) for name in _PARTS}
