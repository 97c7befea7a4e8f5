"""`leadstream leads create`: what is sent, and what is said of it."""

from typing import Any

import httpx
import orjson
import pytest
import typer
from typer.testing import CliRunner, Result

from services.capture.commands import for_leads


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The leads that capture was sent; the first receipt is still open when it is first asked for."""
    bodies: list[dict[str, Any]] = []
    receipts = iter([{"status": "accepted"}, {"status": "new", "lead_id": "018f"}])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            bodies.append(orjson.loads(request.content))
            return httpx.Response(202, json={"receipt_id": "r1"})
        return httpx.Response(200, json=next(receipts))

    made = httpx.Client
    monkeypatch.setattr(httpx, "Client", lambda **given: made(**given, transport=httpx.MockTransport(answer)))
    monkeypatch.setenv("LEADSTREAM_CAPTURE_URL", "http://capture.example")
    monkeypatch.setenv("LEADSTREAM_SOURCE_KEY", "key")
    return bodies


def enter(*given: str) -> Result:
    app = typer.Typer()
    for_leads.register(app)
    return CliRunner().invoke(app, ["create", *given])


def test_only_what_was_given_is_sent_and_the_lead_is_named(sent: list[dict[str, Any]]) -> None:
    result = enter("--entered-by", "sam", "--email", "ann@example.com", "--company", "Acme", "--referred-by", "lead:7")
    assert (result.exit_code, result.output) == (0, "new 018f [receipt r1]\n")
    assert sent == [
        {
            "entered_by": "sam",
            "emails": ["ann@example.com"],
            "company": {"name": "Acme"},
            "source": "manual entry",
            "referrer_ref": "lead:7",
        }
    ]


def test_nothing_is_sent_without_a_way_to_know_who_it_is(sent: list[dict[str, Any]]) -> None:
    result = enter("--entered-by", "sam", "--first-name", "Ann")
    assert result.exit_code == 2
    assert sent == []
