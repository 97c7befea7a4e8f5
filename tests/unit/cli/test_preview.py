"""What the rules would make of leads: the same as the services themselves decide."""

from pathlib import Path
from typing import Any

import pytest

from services.cli import previewing
from services.preview import LeadPreview, RuleDocument
from services.routing.domain.roster import Member
from services.routing.seed import RULES_FILE
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.scoring import compile_model, compute_score
from services.scoring.seed import DEFAULT_MODEL
from shared.rules import RuleFileError
from tests.support.capture import NOW

ASSIGNMENT = """
kind: assignment
queues: {sales: {}, rest: {}}
default: {queue: rest}
rules:
  - id: italy
    when: {field: address.country, eq: IT}
    assign: {owner: ann}
  - id: gone
    when: {field: address.country, eq: FR}
    assign: {owner: zoe}
  - id: warm
    when: {field: title, eq: CEO}
    assign: {round_robin: sales}
"""
MEMBERS = [Member("ann", True, ("sales",)), Member("ben", True, ("sales",)), Member("cid", False, ("sales",))]


def shipped(file: Path) -> RuleDocument:
    return RuleDocument(file.read_text(), 4)


def lead(**facts: Any) -> dict[str, Any]:
    return {"lead_id": "0197", "email": "ann@example.com", "emails": ["ann@example.com"], "extra": {}, **facts}


def test_the_score_is_the_one_that_scoring_computes() -> None:
    preview = LeadPreview(shipped(DEFAULT_MODEL), shipped(RULES_FILE), MEMBERS)
    model = compile_model(load_scoring_model(DEFAULT_MODEL.read_text()), version=4)
    for facts in (lead(), lead(title="CEO", company={"name": "X", "employees": 420, "industry": "software"})):
        score = compute_score(facts, model, now=NOW)
        found = preview.of(facts)
        assert (found["score"], found["grade"]) == (score["value"], score["grade"])


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"address": {"country": "IT"}}, ("ann", None, None, "italy", "rule_matched")),
        ({"address": {"country": "FR"}}, (None, None, "rest", "gone", "owner_unknown")),
        ({"title": "CEO"}, (None, ["ann", "ben"], None, "warm", "rule_matched")),
        ({}, (None, None, "rest", "default", "no_rule_matched")),
    ],
)
def test_the_owner_or_why_there_is_none(facts: dict[str, Any], expected: tuple[Any, ...]) -> None:
    preview = LeadPreview(shipped(DEFAULT_MODEL), RuleDocument(ASSIGNMENT, 2), MEMBERS)
    found = preview.of(lead(**facts))
    assert tuple(found[name] for name in ("owner", "in_turn", "queue", "rule", "reason")) == expected


def test_documents_that_are_none_are_refused() -> None:
    with pytest.raises(RuleFileError):
        LeadPreview(RuleDocument("kind: other\n", 1), shipped(RULES_FILE), [])


def test_without_the_services_the_shipped_rules_are_used_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADSTREAM_SCORING_URL", "http://127.0.0.1:9")
    monkeypatch.delenv("LEADSTREAM_ROUTING_URL", raising=False)
    monkeypatch.setenv("LEADSTREAM_ADMIN_KEY", "key")
    preview = previewing.active_preview()
    assert ["could not be asked" in note for note in preview.notes] == [True, True, False]
    assert preview.notes[2] == "members: those of a fresh installation"
    assert preview.of(lead())["rule"] is not None
