"""`leadstream segments` and `leadstream journeys`: what they ask scoring, and what they show of its answers."""

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from tests.support.answering import Services

LEAD = "018f0000-0000-7000-8000-000000000001"
AT = "2026-01-05T10:00:00.000000Z"
DONE = {"status": "done", "command_id": "c-1", "result": {"lead_id": LEAD, "interest": "not_now"}}


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_segments_are_listed_with_their_leads_and_recounts(services: Services) -> None:
    run_of = {"run_id": "r", "reason": "x", "started_at": AT, "looked": 500, "moved": 3}
    services.answers["GET", "/v1/segments"] = (
        200,
        {
            "rules_version": 2,
            "items": [
                {"segment": "nurture", "leads": 12, "description": "Worth writing to."},
                {"segment": "customers", "leads": 0, "description": None},
            ],
            "recounts": [{**run_of, "ended_at": None}, {**run_of, "ended_at": AT}],
        },
    )
    code, out = run("segments", "list")
    assert code == 0
    assert [line.split() for line in out.splitlines()[:2]] == [
        ["12", "nurture", "Worth", "writing", "to."],
        ["0", "customers"],
    ]
    assert "under way: 500 leads, 3 moved" in out and "ended 2026-01-05T10:00:00: 500 leads" in out
    assert json.loads(run("segments", "list", "--json")[1])["items"][0]["leads"] == 12


def test_leads_of_a_segment_come_page_by_page(services: Services) -> None:
    first = {"segment": "nurture", "items": [{"lead_id": LEAD, "since": AT}], "next": LEAD}
    services.answers["GET", "/v1/segments/nurture/leads?limit=1"] = 200, first
    assert run("segments", "leads", "nurture", "--limit", "1") == (
        0,
        f"{LEAD}  since 2026-01-05T10:00:00\nmore: --after {LEAD}\n",
    )
    services.answers["GET", f"/v1/segments/nurture/leads?limit=50&after={LEAD}"] = 200, {**first, "next": None}
    code, out = run("segments", "leads", "nurture", "--after", LEAD)
    assert code == 0 and "more" not in out


def test_a_lead_is_shown_with_what_it_lacks(services: Services) -> None:
    told: dict[str, Any] = {
        "lead_id": LEAD, "rules_version": 2, "interest": {"class": "not_now", "reason": "budget"},
        "segments": [
            {"segment": "nurture", "member": True, "since": AT, "missing": []},
            {"segment": "new", "member": True, "since": None, "missing": []},
            {"segment": "chiefs", "member": False, "since": None, "missing": ["title eq CEO", "email exists"]},
        ],
    }  # fmt: skip
    path = f"/v1/leads/{LEAD}/segments"
    services.answers["GET", path] = 200, told
    code, out = run("segments", "show", LEAD)
    assert code == 0 and out.splitlines()[0] == "interest: not_now (budget)"
    assert "since 2026-01-05T10:00:00" in out and "since now" in out
    assert "missing: title eq CEO; email exists" in out
    services.answers["GET", path] = 200, {**told, "interest": None}
    assert "interest: not known" in run("segments", "show", LEAD)[1]


def test_interest_is_said_and_what_is_not_known_yet_can_be_asked_for(services: Services) -> None:
    path = f"/v1/leads/{LEAD}/interest"
    services.answers["POST", path] = 200, DONE
    arguments = ("segments", "interest", LEAD, "not_now", "--reason", "budget", "--resume-at", "2026-09-01")
    assert run(*arguments) == (0, f"{LEAD} is not_now\n")
    assert services.asked[-1][2] == {"interest": "not_now", "reason": "budget", "resume_at": "2026-09-01"}
    services.answers["POST", path] = 202, {"status": "pending", "command_id": "c-1"}
    assert run(*arguments) == (0, "sent; ask later for command c-1\n")
    assert json.loads(run(*arguments, "--json")[1])["command_id"] == "c-1"


def test_a_recount_is_begun(services: Services) -> None:
    services.answers["POST", "/v1/segments/recount"] = 200, {"status": "done", "result": {"run_id": "r"}}
    code, out = run("segments", "recount", "--reason", "to be sure")
    assert code == 0 and out.startswith("begun") and services.asked[-1][2] == {"reason": "to be sure"}
    assert json.loads(run("segments", "recount", "--reason", "x", "--json")[1])["result"] == {"run_id": "r"}


def test_journeys_are_listed_with_messages_failures_and_what_they_brought(services: Services) -> None:
    step = {"step": "hello", "channel": "email", "decided": 9, "sent": 0, "failed": 0, "dropped": 0, "redeemed": 0}
    figures = {"entered": 9, "active": 5, "done": 2, "exited": 2, "converted": 1}
    services.answers["GET", "/v1/journeys"] = 200, {
        "rules_version": 1,
        "items": [
            {
                **figures, "journey": "welcome", "live": True,
                "messages": [step, {**step, "step": "gift", "sent": 4, "failed": 2, "redeemed": 1}],
                "failures": [{"step": "gift", "channel": "email", "reason": "rendering_failed", "messages": 2}],
                "revenue": [{"step": "gift", "amount": "120.00", "currency": "EUR"}],
            },
            {**figures, "journey": "old", "live": False, "messages": [], "failures": [], "revenue": []},
        ],
    }  # fmt: skip
    code, out = run("journeys", "list")
    assert code == 0
    assert "welcome: 9 entered, 5 under way, 2 through, 2 left, 1 of them converted" in out
    assert "9 on their way" in out and "4 sent, 2 failed, 1 redeemed" in out and "brought 120.00 EUR" in out
    assert "2 failed: rendering_failed" in out and "old (not in the live rules):" in out
    assert len(json.loads(run("journeys", "list", "--json")[1])["items"]) == 2


def test_a_leads_journeys_are_shown_with_what_was_sent_and_why_not(services: Services) -> None:
    journey = {"journey": "welcome", "entered_at": AT, "step": "pause"}
    message = {"step": "hello", "channel": "email", "decided_at": AT}
    services.answers["GET", f"/v1/leads/{LEAD}/journeys"] = (
        200,
        {
            "lead_id": LEAD,
            "journeys": [
                {**journey, "state": "active", "reason": None},
                {**journey, "state": "exited", "reason": "converted"},
            ],
            "messages": [
                {**message, "state": "sent", "reason": None},
                {**message, "state": "failed", "reason": "recipient_refused"},
            ],
        },
    )
    code, out = run("journeys", "show", LEAD)
    lines = out.splitlines()
    assert code == 0 and len(lines) == 4
    assert lines[0].endswith("active, at pause") and lines[1].endswith("exited (converted), at pause")
    assert lines[2].endswith("sent") and lines[3].endswith("failed (recipient_refused)")
    assert len(json.loads(run("journeys", "show", LEAD, "--json")[1])["messages"]) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("segments", "show", "nobody"),
        ("segments", "leads", "none/such?limit=1"),
        ("segments", "leads", "nurture", "--after", "x&limit=2"),
        ("segments", "interest", "nobody", "interested", "--reason", "x"),
        ("journeys", "show", "../segments"),
    ],
)
def test_who_is_not_there_is_told_with_1(services: Services, arguments: tuple[str, ...]) -> None:
    """Whatever is typed stays one part of the address."""
    assert run(*arguments) == (1, "not_found: no\n")
    ((_, path, _),) = services.asked
    assert path.count("/") <= 4 and path.count("?") <= 1 and path.count("&") <= 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("segments", "leads", "nurture", "--limit", "0"),
        ("segments", "leads", "nurture", "--limit", "201"),
        ("segments", "leads"),
        ("segments", "interest", LEAD, "maybe", "--reason", "x"),
        ("segments", "interest", LEAD, "interested"),
        ("segments", "recount"),
        ("journeys", "show"),
        ("journeys", "explain", LEAD),
    ],
)
def test_misuse_asks_nothing(services: Services, arguments: tuple[str, ...]) -> None:
    assert run(*arguments)[0] == 2
    assert services.asked == []


def test_a_refusal_is_told_with_its_reason(services: Services) -> None:
    refused = {"status": "refused", "reason": "invalid_interest", "result": {"detail": "resume_at needs not_now"}}
    services.answers["POST", f"/v1/leads/{LEAD}/interest"] = 409, refused
    said = run("segments", "interest", LEAD, "interested", "--reason", "x", "--resume-at", "2026-09-01")
    assert said == (1, "invalid_interest: resume_at needs not_now\n")
    services.answers["POST", "/v1/segments/recount"] = 422, {"code": "invalid_request", "detail": "reason: too short"}
    assert run("segments", "recount", "--reason", "") == (1, "invalid_request: reason: too short\n")


def test_without_a_service_they_end_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADSTREAM_SCORING_URL", raising=False)
    for arguments in (("segments", "list"), ("journeys", "list")):
        code, out = run(*arguments)
        assert code == 3 and "LEADSTREAM_SCORING_URL" in out
