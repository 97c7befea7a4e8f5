"""What makes a submission suspicious, as tables: every reason by itself, and genuine people who must never be held."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from services.capture.domain.form_token import form_token, rendered_at
from services.capture.domain.gibberish import is_gibberish
from services.capture.domain.guard import Doubts, Guard
from services.capture.domain.reading import Reading, read_value
from services.capture.domain.spam_rules import SUSPICIONS, load_spam_rules
from shared.rules import RuleFileError
from tests.support.capture import GUARD, SECRET

NOW_MS = 1_772_366_000_000


def doubts(document: Mapping[str, Any], *, signals: str = "", source: str = "web", guard: Guard = GUARD) -> Doubts:
    reading = read_value(orjson.dumps({"email": "ann@example.com", **document}), "application/json")
    assert isinstance(reading, Reading)
    return guard.doubts(reading.clean, reading.traps, source=source, signals=signals, received_ms=NOW_MS)


def rendered(seconds_ago: float) -> str:
    return form_token(NOW_MS - int(seconds_ago * 1000), secret=SECRET)


CASES: list[tuple[dict[str, Any], str, tuple[str, ...]]] = [
    ({"ls_hp": "http://spam.example"}, "", ("honeypot",)),
    ({"ls_hp": ""}, "", ()),
    ({"ls_form": rendered(2.9)}, "", ("too_fast",)),
    ({"ls_form": rendered(-60)}, "", ("too_fast",)),
    ({"ls_form": rendered(3.1)}, "", ()),
    ({"ls_form": rendered(86_399)}, "", ()),
    ({"ls_form": rendered(86_401)}, "", ("form_expired",)),
    ({"ls_form": rendered(60)[:-1] + "x"}, "", ("form_forged",)),
    ({"ls_form": 12}, "", ("form_forged",)),
    ({}, "address_rate", ("address_rate",)),
    ({"email": "x@mailinator.com"}, "", ("disposable_domain",)),
    ({"first_name": "See www.spam.example"}, "", ("link_in_name",)),
    ({"name": "Win HTTPS://spam.example now"}, "", ("link_in_name",)),
    ({"last_name": "tqlWBXkRuNPZvbO"}, "", ("gibberish_name",)),
    ({"message": "jkdfhgkjsdhfg kdjfhgksjdhfg"}, "", ("gibberish_message",)),
    ({"message": "http://a.example http://b.example https://c.example"}, "", ("many_links",)),
    ({"message": "see http://a.example and www.b.example"}, "", ()),
    ({"message": '<a href="x">cheap</a>'}, "", ("markup_in_message",)),
    ({"message": "[url=http://x.example]cheap[/url]"}, "", ("markup_in_message",)),
    ({"ls_hp": "x", "first_name": "tqlWBXkRuNPZvbO", "email": "x@mailinator.com"}, "",
     ("honeypot", "gibberish_name", "disposable_domain")),
]  # fmt: skip


@pytest.mark.parametrize(("document", "signals", "reasons"), CASES)
def test_each_doubt_has_its_reason(document: dict[str, Any], signals: str, reasons: tuple[str, ...]) -> None:
    found = doubts(document, signals=signals)
    assert found.reasons == reasons
    assert found.points == sum(GUARD.points[reason] for reason in found.reasons)


def test_every_check_of_the_file_is_tried_and_only_a_trap_is_enough_by_itself() -> None:
    assert {reason for _, _, reasons in CASES for reason in reasons} == set(SUSPICIONS) == set(GUARD.points)
    assert {reason for reason, points in GUARD.points.items() if points >= GUARD.quarantine_at} == {"honeypot"}


def test_doubts_add_up_and_trusted_sources_have_none() -> None:
    bot = {"first_name": "tqlWBXkRuNPZvbO", "message": "jkdfhgkjsdhfg", "ls_form": rendered(1)}
    assert doubts(bot).points >= GUARD.quarantine_at
    assert doubts(bot, guard=replace(GUARD, trusted=frozenset({"web"}))) == Doubts((), 0)


@pytest.mark.parametrize("name", [
    "Ann Lee", "Krzysztof Szczepański", "Wrzeszczykiewicz", "Schwarzschild", "Knightsbridge", "McDonald", "MacGREGOR",
    "DeLaCruz-FernandezMarquez", "Nguyễn Thị Phương", "Þorgerður", "Grzegorz Brzęczyszczykiewicz", "Ελένη Παπαδοπούλου", "王秀英",
    "Srpskohrvatski", "Venkataramanujam", "ANNA-MARIE VANDENBERGHE", "O'Shaughnessy", "van der Westhuizen", "Hlynsdóttir",
    "IBM Deutschland GmbH", "Tkhorzhevskaya", "bjork gudmundsdottir",
])  # fmt: skip
def test_names_of_people_are_no_gibberish(name: str) -> None:
    assert not is_gibberish(name)
    assert doubts({"name": name}).reasons == ()


@pytest.mark.parametrize("message", [
    "Please call me back.", "", "ok", "RE: PowerPointPresentationTemplate for our TeamMeeting next week, thanks!",
    "Order SKU-XKCDQWRTZ-991 has not arrived", "See https://example.com/pricing and http://docs.example.com for context",
    "Wir brauchen eine Rechtsschutzversicherungsgesellschaft", "价格是多少",
])  # fmt: skip
def test_messages_of_people_are_no_spam(message: str) -> None:
    assert doubts({"message": message}).reasons == ()


def test_a_token_tells_its_time_to_nobody_without_the_secret() -> None:
    token = form_token(NOW_MS, secret=SECRET)
    assert rendered_at(token, secret=SECRET) == NOW_MS
    for other in ("", ".", "19cab.", token.upper(), "0" + token, token + " ", "é" + token, None, "f" * 400):
        assert rendered_at(other, secret=SECRET) is None
    assert rendered_at(token, secret=b"another secret, as long") is None


def test_hidden_fields_are_no_facts_of_the_lead() -> None:
    document = {"email": "ann@example.com", "ls_hp": "", "ls_form": rendered(9), "colour": "red"}
    reading = read_value(orjson.dumps(document), "application/json")
    assert isinstance(reading, Reading)
    assert reading.clean.facts["x"] == {"colour": "red"}


@pytest.mark.parametrize(("text", "said"), [
    ("kind: spam\nchecks:\n  - {id: nope, points: 1}\n", "spam.yaml:3:10 checks[0].id: expected 'honeypot'"),
    ("kind: spam\nchecks:\n  - {id: honeypot, points: 1, at: 3}\n", "spam.yaml:3:35 checks[0].at: expected no number"),
    ("kind: spam\nchecks:\n  - {id: honeypot, points: 1}\n  - {id: honeypot, points: 2}\n", "spam.yaml:4:10"),
    ("kind: spam\nquarantine_at: 0\nchecks: []\n", "spam.yaml:2:16 quarantine_at"),
])  # fmt: skip
def test_a_wrong_file_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(RuleFileError, match=re.escape(said)):
        load_spam_rules(text, file="spam.yaml")


def test_a_check_that_is_off_says_nothing() -> None:
    rules = load_spam_rules("kind: spam\nchecks:\n  - {id: honeypot, points: 100, enabled: false}\n", file="x")
    assert doubts({"ls_hp": "x"}, guard=Guard.of(rules, SECRET)) == Doubts((), 0)
