"""Follows and companies that others gathered: targets under the gatherer's names, refused where they name nobody."""

from typing import Any

import orjson
import pytest

from services.capture.domain.facts import facts_of, stamp_of
from services.capture.domain.reading import Reading, read_documents
from services.capture.domain.refusal import Refused
from services.capture.domain.view import lead_view
from services.capture.sources.configured import ConfiguredSource
from services.capture.sources.intent import company_domain
from services.capture.sources.register import READERS, WEBHOOKS
from services.capture.sources.social import handle_of, platform_of
from shared.rules import RuleFileError
from tests.support.sources import AT, asked, source_of

SOCIAL = source_of("kind: social")
INTENT = source_of("kind: intent")
FOLLOW = {"id": "f-1", "type": "social.follow", "platform": "X", "handle": "@AnnLee", "name": "Ann Lee"}
VISIT = {
    "id": "v-1", "type": "company.visited", "provider": "Radar", "domain": "https://www.Example.com/a",
    "name": "Northwind", "employees": 40, "topic": "crm", "competitor": "Acme", "strength": 80, "confidence": 0.7,
    "cost": "0.20 EUR", "pages": ["/pricing"],
}  # fmt: skip


def view(source: ConfiguredSource, document: dict[str, Any]) -> dict[str, Any]:
    found = READERS[source.kind].read(orjson.dumps(document), "application/json", source)
    (reading,) = read_documents([found])
    assert isinstance(reading, Reading), reading
    return lead_view(facts_of(reading.clean, stamp_of(AT, "1"), source_name=source.name), "1")


def refusal(source: ConfiguredSource, document: dict[str, Any]) -> tuple[str, str | None]:
    found = READERS[source.kind].read(orjson.dumps(document), "application/json", source)
    assert isinstance(found, Refused), found
    return found.code, found.field


def test_a_follow_is_a_target_known_by_platform_and_handle() -> None:
    lead = view(SOCIAL, FOLLOW)
    assert (lead["state"], lead["external_ids"]) == ("target", ["test:twitter:annlee"])
    assert (lead["source"], lead["source_detail"], lead["name"]) == ("social", "follow", "Ann Lee")
    assert lead["extra"] == {
        "mapping": "social@1",
        "social_platform": "twitter",
        "social_handle": "AnnLee",
        "social_event": "social.follow",
    }


def test_a_visit_is_a_target_known_by_provider_and_domain_with_what_the_provider_claims() -> None:
    lead = view(INTENT, VISIT)
    assert (lead["state"], lead["external_ids"]) == ("target", ["test:radar:example.com"])
    assert (lead["company"]["name"], lead["company"]["domain"]) == ("Northwind", "example.com")
    assert (lead["company"]["employees"], lead["source"], lead["email"]) == (40, "website", None)
    assert lead["extra"] == {
        "mapping": "intent@1", "intent_kind": "company.visited", "intent_provider": "Radar", "intent_topic": "crm",
        "intent_competitor": "Acme", "intent_cost": "0.20 EUR", "intent_strength": 80, "intent_confidence": 0.7,
        "pages": ["/pricing"],
    }  # fmt: skip


def test_a_claim_that_cannot_be_read_stays_as_it_came_and_the_provider_is_the_source_where_none_is_named() -> None:
    lead = view(INTENT, {"type": "company.mined", "domain": "example.com", "strength": "high", "topic": 7})
    assert lead["external_ids"] == ["test:test:example.com"]
    assert (lead["extra"]["strength"], lead["extra"]["topic"]) == ("high", 7)
    assert "intent_strength" not in lead["extra"] and "intent_topic" not in lead["extra"]
    assert (lead["source"], lead["source_detail"]) == ("list", "mined")


@pytest.mark.parametrize(
    ("source", "changed", "expected"),
    [
        (SOCIAL, {"type": "social.unfollow"}, ("invalid_value", "type")),
        (SOCIAL, {"platform": ""}, ("invalid_value", "platform")),
        (SOCIAL, {"handle": "@"}, ("no_identifier", "handle")),
        (SOCIAL, {"handle": {"a": 1}}, ("no_identifier", "handle")),
        (INTENT, {"type": None}, ("invalid_value", "type")),
        (INTENT, {"type": "page.viewed"}, ("invalid_value", "type")),
        (INTENT, {"domain": "gmail.com"}, ("no_identifier", "domain")),
        (INTENT, {"domain": "localhost"}, ("no_identifier", "domain")),
    ],
)
def test_what_names_nobody_is_refused_with_its_place(
    source: ConfiguredSource, changed: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert refusal(source, {**(FOLLOW if source is SOCIAL else VISIT), **changed}) == expected


@pytest.mark.parametrize(
    ("given", "handle"),
    [(" @Ann ", "Ann"), ("ann@mastodon.example", "ann@mastodon.example"), ("https://x.com/ann", None), (7, None)],
)
def test_handles(given: Any, handle: str | None) -> None:
    assert handle_of(given) == handle


def test_platforms_and_domains() -> None:
    assert [platform_of(given) for given in ("Twitter", " X ", "linked in", None)] == ["twitter", "twitter", None, None]
    assert [company_domain(given) for given in ("a.example.com", "", None, 7)] == [
        "example.com", None, None, None,
    ]  # fmt: skip


def test_a_list_is_split_and_a_bad_event_costs_no_other() -> None:
    body = orjson.dumps([{**FOLLOW, "at": "2026-02-01T10:00:00Z"}, 7, {**FOLLOW, "id": 2, "test": True}])
    elements = WEBHOOKS["social"].split(asked(body), SOCIAL)
    assert [(one.ce_id, one.is_test) for one in elements] == [("f-1", False), (None, False), ("2", True)]
    assert elements[0].occurred_at == "2026-02-01T10:00:00Z"


def test_a_source_with_a_signature_is_verified_and_secrets_need_one() -> None:
    signed = source_of("kind: intent\nsecrets: [{env: KEY}]\nsignature: {scheme: token, header: X-Token}")
    assert WEBHOOKS["intent"].verify(asked(b"{}"), signed) is not None
    assert WEBHOOKS["intent"].verify(asked(b"{}", headers={"x-token": "the-current-key"}), signed) is None
    with pytest.raises(RuleFileError):
        source_of("kind: social\nsecrets: [{env: KEY}]")
