"""Mails, calls and what others gathered, over HTTP to a lead."""

from pathlib import Path

import orjson
import pytest

from tests.integration.capture.test_capture_http import settled
from tests.support.capture import create_schema, running_capture
from tests.support.stack import Servers

pytestmark = [pytest.mark.stack, pytest.mark.processes]

FILE = "kind: sources\nsources:\n  visits: {kind: intent}\n"
MAIL = b"From: Ann <ann@example.com>\r\nMessage-ID: <1@example.com>\r\nSubject: A quote\r\n\r\nPlease call.\r\n"
RFC822 = {"content-type": "message/rfc822"}


async def test_mails_calls_and_visits_become_leads(own: Servers, tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text(FILE)
    await create_schema(own.postgres)
    async with running_capture(own, tmp_path, LEADSTREAM_CAPTURE_SOURCES=str(tmp_path / "sources.yaml")) as capture:
        sent = await capture.post("/v1/mails", content=MAIL, headers=RFC822)
        assert sent.status_code == 202, sent.text
        mail = await settled(capture, sent.json()["receipts"][0])
        lists = await capture.post(
            "/v1/mails", content=b"List-Id: <a.example.com>\r\n" + MAIL[:28] + b"\r\n\r\n", headers=RFC822
        )
        refused = await settled(capture, lists.json()["receipts"][0])
        call = {"id": "c-1", "direction": "inbound", "from": "+49 30 901820", "email": "ann@example.com"}
        called = await settled(capture, (await capture.post("/v1/calls", json=[call])).json()["receipts"][0])
        visit = {"id": "v-1", "type": "company.visited", "domain": "example.com"}
        seen = await capture.post(
            "/v1/webhooks/intent/visits", content=orjson.dumps(visit), headers={"content-type": "application/json"}
        )
        assert (seen.status_code, seen.json()) == (202, {"accepted": 1})
        assert (
            await capture.post("/v1/mails", content=MAIL, headers={"content-type": "text/plain"})
        ).status_code == 415
    assert (mail["status"], refused["status"], refused["reason"]) == ("new", "rejected", "mailing_list")
    assert (called["status"], called["lead_id"]) == ("merged", mail["lead_id"])
