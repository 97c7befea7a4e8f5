"""A rule document that cannot be applied is counted and told with its place, never with what stands in it."""

import structlog
from prometheus_client import REGISTRY

from services.scoring.domain.model import load_scoring_model
from shared.persistence.rule_versions import note_reload_failed
from shared.rules import RuleFileError


def test_a_failed_reload_is_counted_and_logged_without_the_document() -> None:
    labels = {"kind": "scoring", "reason": "invalid_rules"}
    before = REGISTRY.get_sample_value("rules_reload_failed_total", labels) or 0.0
    with structlog.testing.capture_logs() as logs:
        try:
            load_scoring_model("kind: scoring\nrules: [{id: a, points: secret}]\n")
        except RuleFileError as error:
            note_reload_failed("scoring", "invalid_rules", error)
    assert (REGISTRY.get_sample_value("rules_reload_failed_total", labels) or 0.0) == before + 1
    assert [line["event"] for line in logs] == ["rules_reload_failed"]
    assert "scoring.yaml:2:" in logs[0]["first"] and "secret" not in str(logs)
