"""The snippet in a real browser, against a real capture: views and dwell without a cookie, and a visitor who becomes known."""

from typing import Any

import httpx
import orjson
import pytest

from shared.contracts.topics import EVENTS_INBOUND, LEAD_EVENTS
from tests.browser.conftest import Browser, Shop
from tests.integration.capture.test_capture_lanes import read_all
from tests.support.capture import SOURCE_KEY
from tests.support.stack import Servers

pytestmark = [pytest.mark.stack, pytest.mark.processes, pytest.mark.timeout(400)]

DWELL_MS = 1500
FORM = """<form id="call-me" action="/thanks"><input name="email"><button id="send">send</button></form>"""


def page(capture: httpx.AsyncClient, key: str, body: str = "", *, consent: bool = False) -> str:
    """A page with the snippet, as docs/behaviour.md says to put it there."""
    agreed = ' data-consent="true"' if consent else ""
    snippet = f'<script src="{capture.base_url}/v1/snippet.js" data-key="{key}"{agreed}></script>'
    tags = '<meta name="leadstream:category" content="pricing">'
    return f"<!doctype html><html><head><title>Prices</title>{tags}{snippet}</head><body>{body}</body></html>"


async def stored(own: Servers, count: int) -> list[dict[str, Any]]:
    """What pages sent, as it is stored, once there is so much."""
    return [orjson.loads(record.value) for record in await read_all(own, EVENTS_INBOUND, count)]


async def test_without_consent_views_and_dwell_are_told_and_nothing_is_kept(
    browser: Browser, own: Servers, capture: httpx.AsyncClient, shop: Shop, key: str
) -> None:
    shop.pages["/pricing"] = page(capture, key)
    seen = await browser.visit(
        ["goto", f"{shop.origin}/pricing?utm_source=bing&gclid=Tx9&token=secret"], ["wait", DWELL_MS], ["cookies"],
        ["script", "leadstream.identify({email: 'ann@example.com'}); [document.cookie, leadstream.visitor()]"],
    )  # fmt: skip
    assert (seen["given"][2], seen["given"][3], seen["errors"]) == ([], ["", None], [])
    told = {event["kind"]: event for event in await stored(own, 2)}
    assert told.keys() == {"page.viewed", "page.left"}
    assert not any({"visitor_id", "email", "consent"} & event.keys() for event in told.values())
    viewed, left = told["page.viewed"]["properties"], told["page.left"]["properties"]
    assert (viewed["url"], viewed["category"], viewed["gclid"]) == (f"{shop.origin}/pricing", "pricing", "Tx9")
    assert "secret" not in str(told)
    assert left["dwell_s"] >= DWELL_MS / 1000 and left["view_id"] == viewed["view_id"]


async def test_a_visitor_who_agreed_is_known_after_a_form_and_so_is_what_was_seen_before(
    browser: Browser, own: Servers, capture: httpx.AsyncClient, shop: Shop, key: str
) -> None:
    shop.pages["/"], shop.pages["/thanks"] = page(capture, key, FORM, consent=True), page(capture, key, consent=True)
    seen = await browser.visit(
        ["goto", f"{shop.origin}/"], ["wait", DWELL_MS], ["script", "leadstream.visitor()"],
        ["fill", "input", "ann@example.com"], ["click", "#send"], ["script", "leadstream.visitor()"], ["cookies"],
        ["wait", DWELL_MS],
    )  # fmt: skip
    visitor, after, (cookie,) = seen["given"][2], seen["given"][5], seen["given"][6]
    assert visitor == after == cookie["value"] and (cookie["name"], cookie["sameSite"]) == ("ls_visitor", "Lax")
    assert seen["errors"] == []
    # The shop's own server hands the form on with the visitor's id.
    lead = {"email": "ann@example.com", "visitor_id": visitor}
    form = {"Authorization": f"Bearer {SOURCE_KEY}"}
    sent = await capture.post("/v1/leads?source=shop", json=lead, headers=form)
    assert sent.status_code == 202, sent.text
    behaved = [orjson.loads(record.value) for record in await read_all(own, LEAD_EVENTS, 6)]
    kinds = sorted(event["kind"] for event in behaved)
    assert kinds == ["form.submitted", "page.left", "page.left", "page.viewed", "page.viewed", "visitor.identified"]
    assert len({event["lead_id"] for event in behaved}) == 1
    assert not [(event["kind"], event["bot_reasons"]) for event in behaved if event.get("human") is False]


async def test_consent_that_is_taken_back_takes_the_cookie_with_it(
    browser: Browser, own: Servers, capture: httpx.AsyncClient, shop: Shop, key: str
) -> None:
    shop.pages["/"] = page(capture, key)
    seen = await browser.visit(
        ["goto", f"{shop.origin}/"], ["script", "leadstream.consent(true); leadstream.visitor()"], ["cookies"],
        ["script", "leadstream.consent(false); leadstream.track('chat.opened', {topic: 'pricing'})"], ["cookies"],
        ["wait", DWELL_MS],
    )  # fmt: skip
    visitor, cookies, gone = seen["given"][1], seen["given"][2], seen["given"][4]
    assert [cookie["value"] for cookie in cookies] == [visitor] and gone == []
    told = {event["kind"]: event for event in await stored(own, 3)}
    assert told.keys() == {"page.viewed", "chat.opened", "page.left"}
    assert not any("visitor_id" in event for event in told.values())
