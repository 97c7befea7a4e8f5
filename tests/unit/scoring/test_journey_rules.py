"""Journeys as documents and as state machines: what they may say, and which steps follow, whenever they are moved on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.scoring.journeys.domain.model import load_journey_rules
from services.scoring.journeys.domain.rendering import fill, render
from services.scoring.journeys.domain.running import (
    Around,
    CompiledJourneys,
    Run,
    Taken,
    advance,
    begin,
    cap_free_at,
    code_of,
    compile_journeys,
    leave,
    may_begin,
    why_unreachable,
)
from services.scoring.journeys.rules_kind import KIND, check
from services.scoring.seed import DEFAULT_JOURNEYS
from shared.rules import RuleFileError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LEAD = {"email": "ann@example.com", "phone": "+14155550100"}

RULES = """
kind: journeys
caps: [{channel: email, most: 2, days: 7}, {channel: email, most: 3, days: 30}]
journeys:
  - id: welcome
    segment: nurture
    again_after_days: 90
    exit: {when: {field: score.grade, eq: A}}
    steps:
      - {id: hello, send: {channel: email, text: Hello}}
      - {id: pause, wait: {days: 3}}
      - {id: opened, branch: {when: {field: did.mail.opened, gte: 1}, then: gift, else: bye}}
      - {id: gift, offer: {channel: email, text: 'Code {code}', valid_days: 10}}
      - {id: bye, end: true}
"""


def compiled(text: str = RULES) -> CompiledJourneys:
    return compile_journeys(load_journey_rules(text), version=1)


def started(rules: CompiledJourneys, journey: str = "welcome") -> Run:
    run, entered = begin("lead", rules.journeys[journey], "cause", NOW)
    assert entered.action == "entered"
    return run


def moved(run: Run, rules: CompiledJourneys, at: datetime, **facts: Any) -> list[tuple[str, str]]:
    return [(taken.step, taken.action) for taken in advance(run, rules, Around({**LEAD, **facts}), now=at)]


def test_the_shipped_journeys_can_be_published() -> None:
    assert KIND == "journeys"
    assert check(DEFAULT_JOURNEYS.read_text(), "journeys.yaml") == ()


def test_a_run_goes_as_far_as_it_can_and_waits() -> None:
    rules = compiled()
    run = started(rules)
    assert moved(run, rules, NOW) == [("hello", "sent"), ("pause", "waits")]
    assert (run.step, run.due_at) == ("pause", NOW + 3 * DAY)
    assert moved(run, rules, NOW + 2 * DAY) == []
    opened = {"did": {"mail": {"opened": 1}}}
    assert moved(run, rules, NOW + 9 * DAY, **opened) == [("opened", "branched"), ("gift", "offered"), ("bye", "ended")]
    assert (run.state, run.due_at) == ("done", None)
    assert moved(run, rules, NOW + 10 * DAY) == []


def test_the_other_way_of_a_branch() -> None:
    rules = compiled()
    run = started(rules)
    moved(run, rules, NOW)
    assert moved(run, rules, NOW + 3 * DAY) == [("opened", "branched"), ("bye", "ended")]


def test_an_exit_condition_ends_it_at_the_next_step() -> None:
    rules = compiled()
    run = started(rules)
    moved(run, rules, NOW)
    assert moved(run, rules, NOW + 3 * DAY, score={"grade": "A"}) == [("pause", "exited")]
    assert (run.state, run.reason) == ("exited", "exit_condition")


def test_who_refuses_meanwhile_gets_no_further_step() -> None:
    rules = compiled()
    run = started(rules)
    moved(run, rules, NOW)
    refused = {"did": {"mail": {"opened": 1}}, "consent": {"marketing_email": False}}
    assert moved(run, rules, NOW + 3 * DAY, **refused) == [("opened", "branched"), ("gift", "exited")]
    assert run.reason == "opted_out"


def test_a_step_that_was_taken_out_of_the_rules_ends_the_run() -> None:
    run = started(compiled())
    moved(run, compiled(), NOW)
    other = compiled(RULES.replace("id: pause", "id: rest"))
    assert moved(run, other, NOW + 3 * DAY) == [("pause", "exited")]
    assert run.reason == "journey_changed"


def test_a_cap_holds_a_message_until_there_is_room() -> None:
    rules = compiled()
    run, sends = started(rules), [("email", NOW - 6 * DAY), ("sms", NOW), ("email", NOW - DAY)]
    taken = advance(run, rules, Around(LEAD, sends), now=NOW)
    assert [(each.action, each.valid_until) for each in taken] == [("held", NOW + DAY)]
    assert advance(run, rules, Around(LEAD, [*sends, ("email", NOW)]), now=NOW + DAY) == []  # held once, told once
    assert run.due_at == NOW + 24 * DAY  # three in thirty days
    late = advance(run, rules, Around(LEAD, [("email", NOW)]), now=NOW + 24 * DAY)
    assert [each.action for each in late] == ["sent", "waits"]


@pytest.mark.parametrize(
    ("ages", "free"),
    [
        ([], None),
        ([1], None),
        ([1, 2], 5),
        ([1, 8], None),
        ([1, 8, 9], 21),
        ([1, 2, 29], 5),
        ([1, 7], None),
    ],
)
def test_caps_are_counted_in_windows_that_end_now(ages: list[int], free: int | None) -> None:
    sends = [("email", NOW - age * DAY) for age in ages]
    expected = None if free is None else NOW + free * DAY
    assert cap_free_at("email", compiled(), sends, NOW) == expected


def test_a_cap_that_was_lowered_waits_for_as_many_as_there_are_too_many() -> None:
    rules = compiled("kind: journeys\ncaps: [{channel: email, most: 2, days: 7}]\njourneys: []\n")
    sends = [("email", NOW - age * DAY) for age in (1, 2, 3, 4)]
    assert cap_free_at("email", rules, sends, NOW) == NOW + 5 * DAY


def test_caps_hold_within_one_journey_too() -> None:
    rules = compiled(
        "kind: journeys\ncaps: [{channel: email, most: 1, days: 1}]\njourneys:\n  - id: two\n    segment: s\n    steps:\n"
        "      - {id: a, send: {channel: email, text: x}}\n      - {id: b, send: {channel: email, text: y}}\n"
    )
    run = started(rules, "two")
    assert moved(run, rules, NOW) == [("a", "sent"), ("b", "held")]
    assert run.due_at == NOW + DAY
    assert moved(run, rules, NOW + DAY) == [("b", "sent")]
    assert run.state == "done"


@pytest.mark.parametrize(
    ("channel", "facts", "why"),
    [
        ("email", {}, None),
        ("sms", {}, None),
        ("social", {"email": None}, None),
        ("email", {"email": None}, "no_email"),
        ("sms", {"phone": None}, "no_phone"),
        ("email", {"contactable": {"email": False, "reasons": {"email": "bounced"}}}, "unreachable"),
        ("email", {"contactable": {"email": False, "reasons": {"email": "opted_out"}}}, "opted_out"),
        ("email", {"consent": {"marketing_email": False}}, "opted_out"),
        ("sms", {"consent": {"marketing_phone": False}}, "opted_out"),
        ("sms", {"consent": {"marketing_email": False}}, None),
        ("social", {"consent": {"marketing_social": False}}, "opted_out"),
        ("social", {"contactable": {"any": False, "reasons": {"email": "opted_out"}}}, "opted_out"),
        ("social", {"contactable": {"any": False, "reasons": {"email": "bounced"}}}, "unreachable"),
        ("email", {"consent": "odd", "contactable": [1]}, None),
    ],
)
def test_who_may_be_written_to(channel: str, facts: dict[str, Any], why: str | None) -> None:
    assert why_unreachable(channel, {**LEAD, **facts}) == why


def test_beginning_again() -> None:
    journey = compiled().journeys["welcome"].journey
    run = started(compiled())
    assert may_begin(None, journey, NOW)
    assert not may_begin(run, journey, NOW + 100 * DAY)
    leave(run, "left_segment")
    assert not may_begin(run, journey, NOW + 89 * DAY)
    assert may_begin(run, journey, NOW + 90 * DAY)
    never = journey.model_copy(update={"again_after_days": None})
    assert not may_begin(run, never, NOW + 1000 * DAY)


def test_the_same_cause_gives_the_same_run_message_and_code() -> None:
    rules = compiled()
    told: list[list[Taken]] = []
    for _ in range(2):
        run = started(rules)
        steps = advance(run, rules, Around(LEAD), now=NOW)
        steps += advance(run, rules, Around({**LEAD, "did": {"mail": {"opened": 2}}}), now=NOW + 3 * DAY)
        told.append(steps)
    assert told[0] == told[1]
    (offer,) = [each for each in told[0] if each.action == "offered"]
    assert offer.code is not None and len(offer.code) == 19 and offer.valid_until == NOW + 13 * DAY
    assert len({code_of(str(n)) for n in range(10_000)}) == 10_000


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{id: a, branch: {when: {always: true}, then: a, else: b}}", "a step further down"),
        ("{id: a, branch: {when: {always: true}, then: nowhere, else: b}}", "the id of a step of this journey"),
        ("{id: a, wait: {}}", "days, hours or minutes"),
        ("{id: a, wait: {days: -1}}", "a whole number of 0 or more"),
        ("{id: a, wait: {days: 1}, end: true}", "one of send, offer, wait, branch, end"),
        ("{id: a}", "one of send, offer, wait, branch, end"),
        ("{id: a, send: {channel: email}}", "template or text"),
        ("{id: a, send: {channel: E-mail, text: x}}", "steps[0].send.channel"),
        ("{id: a, branch: {when: {field: titel, eq: x}, then: b, else: b}}", "did you mean title?"),
        ("{id: b, wait: {days: 1}}", "an id that is used once"),
    ],
)
def test_a_mistake_is_told_with_its_place(step: str, said: str) -> None:
    text = f"kind: journeys\njourneys:\n  - id: j\n    segment: s\n    steps:\n      - {step}\n      - {{id: b, end: true}}\n"
    with pytest.raises(RuleFileError) as refused:
        load_journey_rules(text, "j.yaml")
    assert "j.yaml:" in str(refused.value) and said in str(refused.value)


def test_texts_are_filled_in_once_and_subjects_stay_one_line() -> None:
    fields = {"first_name": "{code}", "code": "X1"}
    assert fill("Hi {first_name} {code} {unknown} {", fields) == "Hi {code} X1 {unknown} {"
    message = (
        compiled()
        .journeys["welcome"]
        .journey.steps[0]
        .send.model_copy(update={"subject": "For {first_name}", "text": "{company} {valid_until}"})
    )
    lead = {**LEAD, "first_name": "A\r\nBcc: x@example.com", "company": {"name": "Example"}}
    rendered = render(message, lead, key="k", code=None, until="2026-04-01T10:00:00Z")
    assert rendered.subject == "For A Bcc: x@example.com"
    assert (rendered.to, rendered.text) == ("ann@example.com", "Example 2026-04-01")
    phone = render(message.model_copy(update={"channel": "sms"}), lead, key="k", code=None, until=None)
    assert phone.to == "+14155550100"
