"""The snippet of pages, run by Node.js where there is one: what it sends, and that it keeps nothing without consent."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from services.capture.api.snippet import snippet_text
from services.capture.domain.behaviour.identifying import digest_of_visitor
from services.capture.domain.behaviour.reading import Behaviour, read_behaviour
from services.capture.domain.submission import CLICK_IDS

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="there is no Node.js here")
HARNESS = Path(__file__).with_name("snippet_harness.js")
PAGE: dict[str, Any] = {"url": "https://shop.example/en/pricing?utm_source=bing&gclid=Tx9&token=secret"}


def visit(tmp_path: Path, **page: Any) -> dict[str, Any]:
    """What a visit sends and sets."""
    assert NODE is not None
    served = tmp_path / "snippet.js"
    served.write_bytes(snippet_text())
    given = {**PAGE, **page, "attributes": {"data-key": "ls_k", **page.get("attributes", {})}}
    done = subprocess.run(
        [NODE, str(HARNESS), str(served), json.dumps(given)], capture_output=True, text=True, timeout=30, check=True
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return said


CONSENT = {"data-consent": "true"}


def test_it_is_small_and_needs_nothing_that_a_strict_policy_forbids() -> None:
    text = snippet_text().decode()
    assert len(text) < 4096
    assert not re.search(r"\beval\b|new Function|innerHTML|document\.write|localStorage|sessionStorage|\.style\b", text)


@needs_node
def test_without_consent_there_is_no_cookie_and_no_id(tmp_path: Path) -> None:
    said = visit(tmp_path, steps=[["identify", {"email": "ann@example.com"}], ["wait", 5000], ["close", None]])
    assert said["cookies"] == []
    assert [one["body"]["kind"] for one in said["sent"]] == ["page.viewed", "page.left"]
    assert not any({"visitor_id", "email", "consent"} & set(one["body"]) for one in said["sent"])


@needs_node
def test_a_page_view_tells_the_page_and_the_campaign_and_no_other_parameter(tmp_path: Path) -> None:
    meta = {'meta[name="leadstream:category"]': "pricing", 'meta[name="keywords"]': "CRM, leads"}
    (sent,) = visit(tmp_path, attributes=CONSENT, meta=meta)["sent"]
    properties = sent["body"]["properties"]
    assert sent["url"] == "https://capture.example/v1/events?key=ls_k" and sent["by"] == "beacon"
    assert properties["url"] == "https://shop.example/en/pricing" and "secret" not in json.dumps(sent)
    assert (properties["utm_source"], properties["gclid"], properties["category"]) == ("bing", "Tx9", "pricing")


@needs_node
def test_of_the_page_before_and_of_links_nothing_behind_the_path_is_told(tmp_path: Path) -> None:
    steps = [
        ["click", "https://shop.example/list.pdf?token=secret#secret"],
        ["click", "https://other.example/a?invited=secret"],
        ["page", None],
    ]
    said = visit(tmp_path, referrer="https://mail.example/read?address=secret", steps=steps)
    viewed, file, link, again = (one["body"]["properties"] for one in said["sent"])
    assert (viewed["referrer"], again["referrer"]) == ("https://mail.example/read", "https://shop.example/en/pricing")
    assert (file["url"], link["url"]) == ("https://shop.example/list.pdf", "https://other.example/a")
    assert "secret" not in json.dumps(said)


@needs_node
@pytest.mark.parametrize("name", [*CLICK_IDS, "gclsrc"])
def test_every_click_id_is_told(tmp_path: Path, name: str) -> None:
    (sent,) = visit(tmp_path, url=f"https://shop.example/?{name}=Tx9&x{name}=1")["sent"]
    assert sent["body"]["properties"][name] == "Tx9" and f"x{name}" not in sent["body"]["properties"]


@needs_node
def test_what_it_sends_is_understood_by_capture(tmp_path: Path) -> None:
    steps = [["identify", {"email": "ann@example.com"}], ["submit", "contact"], ["click", "https://shop.example/a.pdf"]]
    steps += [["click", "https://other.example/"]]
    said = visit(tmp_path, attributes=CONSENT, url="https://shop.example/?q=Blue+Widgets", steps=steps)
    read = [read_behaviour(json.dumps(one["body"]).encode(), "", source="site", received_ms=1_767_607_200_000)
            for one in said["sent"]]  # fmt: skip
    assert all(isinstance(one, Behaviour) for one in read)
    behaviours = [one for one in read if isinstance(one, Behaviour)]
    assert [one.kind for one in behaviours] == [
        "page.viewed", "site.searched", "visitor.identified", "form.submitted", "file.downloaded", "link.clicked",
    ]  # fmt: skip
    assert behaviours[1].about["search_term"] == "blue widgets" and behaviours[4].about["material_id"] == "a.pdf"
    (cookie,) = said["cookies"]
    visitor_id = cookie.partition("=")[2].partition(";")[0]
    assert re.fullmatch(r"lsv_[\w-]{22}", visitor_id) and "samesite=lax" in cookie and cookie.endswith(";secure")
    assert {one.named.visitor for one in behaviours} == {digest_of_visitor("another", visitor_id)}
    assert [key.value for key in behaviours[2].named.keys] == ["ann@example.com"]


@needs_node
def test_the_visitor_of_a_cookie_stays_and_goes_when_consent_is_taken_back(tmp_path: Path) -> None:
    said = visit(
        tmp_path,
        attributes=CONSENT,
        cookie="a=b; ls_visitor=lsv_AAAAAAAAAAAAAAAAAAAAAA",
        steps=[["consent", False], ["track", "x"]],
    )
    assert said["sent"][0]["body"]["visitor_id"] == "lsv_AAAAAAAAAAAAAAAAAAAAAA"
    assert "visitor_id" not in said["sent"][1]["body"] and "max-age=0" in said["cookies"][-1]


@needs_node
def test_dwell_counts_only_while_the_page_is_seen(tmp_path: Path) -> None:
    steps = [
        ["wait", 4000],
        ["hide", None],
        ["wait", 60_000],
        ["show", None],
        ["wait", 2500],
        ["close", None],
        ["close", None],
    ]
    said = visit(tmp_path, attributes=CONSENT, steps=steps)
    left = [one["body"] for one in said["sent"] if one["body"]["kind"] == "page.left"]
    assert [one["properties"]["dwell_s"] for one in left] == [4, 6.5]
    assert {one["properties"]["view_id"] for one in left} == {said["sent"][0]["body"]["properties"]["view_id"]}


@needs_node
def test_a_beacon_that_is_refused_is_sent_otherwise(tmp_path: Path) -> None:
    (sent,) = visit(tmp_path, beacon=False)["sent"]
    assert sent["by"] == "fetch"
