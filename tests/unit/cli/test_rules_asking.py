"""`leadstream rules preview` and `shadow`, `score report`: what they ask the services, and what they show of the answers."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from services.scoring.domain.learning.drifting import drift_of
from tests.support.answering import Services
from tests.support.previews import captured, previewed

SCORING = "kind: scoring\nname: mine\nrules: [{id: any, points: %d}]\n"


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    file = tmp_path / "scoring.yaml"
    file.write_text(SCORING % 80, encoding="utf-8")
    return file


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_a_preview_asks_with_what_is_live_and_shows_who_would_move(services: Services, draft: Path) -> None:
    report = previewed([SCORING % 80], [captured(1)], live={"scoring": SCORING % 5})
    services.answers["POST", "/v1/rules/preview"] = 200, report
    live = {"document": SCORING % 5, "version": 7}
    services.answers["GET", "/v1/rules/scoring/versions/live"] = 200, live
    member = {"member_id": "ann", "active": True, "queues": ["sales"], "name": "Ann", "open": 3}
    services.answers["GET", "/v1/members"] = 200, {"items": [member]}
    code, out = run("rules", "preview", str(draft), "--limit", "500", "--from", "2026-01-01")
    assert code == 0, out
    assert "1 leads" in out and "grade D → A: 1" in out and "note: The live gate rules" in out
    asked = services.asked[-1][2]
    assert asked["drafts"] == [{"name": str(draft), "text": SCORING % 80}]
    assert asked["live"] == {"scoring": {"text": SCORING % 5, "version": 7}}
    assert asked["members"] == [{"member_id": "ann", "active": True, "queues": ["sales"]}]
    assert (asked["limit"], asked["from"], asked["to"]) == (500, "2026-01-01T00:00:00Z", None)


def test_a_broken_draft_is_told_before_anything_is_asked(services: Services, draft: Path) -> None:
    draft.write_text("kind: scoring\nrules: 5\n", encoding="utf-8")
    for arguments in (("preview",), ("shadow", "start", "--author", "Ann", "--note", "x")):
        code, out = run("rules", *arguments, str(draft))
        assert code == 1 and f"{draft}:2:8" in out
    assert services.asked == []


def test_a_refusal_of_reporting_is_told(services: Services, draft: Path) -> None:
    services.answers["POST", "/v1/rules/preview"] = 429, {"code": "preview_busy", "detail": "Another one."}
    assert run("rules", "preview", str(draft)) == (1, "preview_busy: Another one.\n")


def test_a_shadow_is_started_shown_and_stopped(services: Services, draft: Path) -> None:
    path = "/v1/rules/scoring/shadow"
    services.answers["POST", path] = 200, {"status": "done", "command_id": "c", "result": {"running": True}}
    assert run("rules", "shadow", "start", str(draft), "--author", "Ann", "--note", "a try")[0] == 0
    assert services.asked[-1][2] == {"document": SCORING % 80, "author": "Ann", "reason": "a try"}
    shown = {
        "name": "mine", "started_at": "2026-01-05T10:00:00Z", "author": "Ann", "reason": "a try", "scores": 4,
        "regraded": 1, "differing": 4, "mean_difference": -2.5,
        "pairs": [{"live": "A", "shadow": "B", "scores": 1}, {"live": "A", "shadow": "A", "scores": 3}],
    }  # fmt: skip
    services.answers["GET", path] = 200, shown
    code, out = run("rules", "shadow", "show")
    assert code == 0 and "4 scores, 1 with another grade (25.0%), mean difference -2.5 points" in out
    assert run("rules", "shadow", "stop", "--author", "Ann", "--note", "enough")[0] == 0
    assert services.asked[-1][2] == {"author": "Ann", "reason": "enough"}


def test_only_scoring_runs_in_the_shadow(services: Services, tmp_path: Path) -> None:
    gate = tmp_path / "gate.yaml"
    gate.write_text("kind: gate\nmin_score: 60\n", encoding="utf-8")
    assert run("rules", "shadow", "start", str(gate), "--author", "Ann", "--note", "x")[0] == 2
    assert services.asked == []


def test_alarms_of_the_stored_past_end_with_1(services: Services, draft: Path) -> None:
    report = {
        "leads": 9, "outcomes": 9, "won": 3, "rate": 0.3, "low": 0.1, "high": 0.6, "enough": False, "auc": 0.5,
        "rules": [], "grades": [], "drift": {"stability": 0.4, "alarms": ["scores moved"], "says": "moved"},
    }  # fmt: skip
    services.answers["POST", "/v1/rules/outcomes"] = 200, report
    code, out = run("score", "report", str(draft))
    assert code == 1 and "ALARM scores moved" in out
    assert services.asked[-1][2] == {"document": SCORING % 80, "support": 50}


def test_a_document_learned_from_the_past_is_written(services: Services, tmp_path: Path) -> None:
    services.answers["POST", "/v1/rules/learn"] = 200, {"document": SCORING % 7, "outcomes": 300}
    out = tmp_path / "learned.yaml"
    assert run("score", "train", "--name", "mine", "--out", str(out))[0] == 0
    assert out.read_text(encoding="utf-8") == SCORING % 7
    assert services.asked[-1][2] == {"name": "mine", "support": 50}


def test_drift_is_shown_with_both_distributions_and_fails_when_scores_moved(services: Services) -> None:
    found = drift_of(3, [300, 0, 0, 0, 0, 0, 0, 0, 0, 0], {95: 400})
    services.answers["GET", "/v1/rules/scoring/drift"] = 200, {**found.as_dict(), "window_days": 14}
    code, out = run("score", "drift")
    assert code == 1 and "version 3, 400 leads of 14 days: moved" in out and "90" in out
    steady = drift_of(3, [0] * 9 + [300], {95: 400})
    services.answers["GET", "/v1/rules/scoring/drift"] = 200, {**steady.as_dict(), "window_days": 14}
    assert run("score", "drift", "--json")[0] == 0
    services.answers["GET", "/v1/rules/scoring/drift"] = 404, {"code": "not_found", "detail": "There is none."}
    assert run("score", "drift") == (1, "not_found: There is none.\n")
