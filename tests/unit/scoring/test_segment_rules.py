"""Segment rules as documents: what they may say, what is told of mistakes, and what their counts mean."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from services.scoring.seed import DEFAULT_SEGMENTS
from services.scoring.segments.domain.explaining import explain_segments
from services.scoring.segments.domain.happenings import Happening
from services.scoring.segments.domain.interest import RESUMED, read_interest
from services.scoring.segments.domain.membership import (
    CompiledSegments,
    Found,
    Interest,
    Known,
    Move,
    compile_segments,
    find_segments,
    moves_of,
)
from services.scoring.segments.domain.model import load_segment_rules
from services.scoring.segments.rules_kind import KIND, check
from shared.rules import RuleFileError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)

PRICES = """
kind: segments
counts: {prices: {kinds: [page.viewed], category: pricing, days: 30}, anything: {days: 7}}
segments:
  - {id: keen, when: {field: activity.prices, gte: 2}}
  - {id: quiet, when: {all: [{field: activity.anything, eq: 0}, {field: known_days, gte: 7}]}}
  - {id: chiefs, when: {field: title, contains: chief}}
  - {id: good, when: {field: score.grade, in: [A, B]}}
"""


def compiled(text: str = PRICES, version: int = 1) -> CompiledSegments:
    return compile_segments(load_segment_rules(text), version=version)


def known(*done: Happening, title: str = "", grade: str = "C", stated: Interest | None = None) -> Known:
    return Known(orjson.dumps({"title": title}), orjson.dumps({"grade": grade}), done, stated)


def view(days_ago: float, category: str | None = "pricing", kind: str = "page.viewed") -> Happening:
    return Happening(kind, category, NOW - days_ago * DAY)


def found(seen: Known, text: str = PRICES, first_seen: datetime = NOW, now: datetime = NOW) -> Found:
    return find_segments(seen, first_seen, compiled(text), now=now)


def test_a_lead_that_does_not_say_what_it_is_is_a_lead_for_the_shipped_segments() -> None:
    """Capture says it of targets, and of those who were one."""
    lead = {"email": "ann@example.com", "first_touch": {"at": (NOW - 40 * DAY).isoformat()}}
    score = orjson.dumps({"grade": "C"})
    segments = compiled(DEFAULT_SEGMENTS.read_text())
    of_lead = find_segments(Known(orjson.dumps(lead), score), NOW, segments, now=NOW)
    assert set(of_lead.segments) == {"nurture", "gone-quiet"}
    of_target = find_segments(Known(orjson.dumps({**lead, "state": "target"}), score), NOW, segments, now=NOW)
    assert of_target.segments == ("targets",)


def test_the_shipped_segments_can_be_published() -> None:
    assert KIND == "segments"
    assert check(DEFAULT_SEGMENTS.read_text(), "segments.yaml") == ()


def test_facts_score_and_counts_decide() -> None:
    assert found(known(title="Chief of Staff", grade="A")).segments == ("chiefs", "good")
    assert found(known(view(1), view(29))).segments == ("keen",)
    assert found(known(view(1), view(1, "blog"))).segments == ()


def test_a_window_ends_to_the_second_and_says_when() -> None:
    seen = known(view(1), view(29))
    look_at = found(seen).look_at
    assert look_at == NOW + 1 * DAY  # the older view is 30 days old then: one is left, and two were needed
    just_before = look_at - timedelta(microseconds=1)
    assert "keen" in found(seen, now=just_before).segments
    assert "keen" not in found(seen, now=look_at).segments


def test_quiet_begins_when_the_last_thing_done_is_old_enough() -> None:
    seen = known(view(1, "blog"), view(3, "blog"))
    since = NOW - 20 * DAY
    first = found(seen, first_seen=since)
    assert (first.segments, first.look_at) == ((), NOW + 6 * DAY)
    assert found(seen, first_seen=since, now=NOW + 6 * DAY).segments == ("quiet",)


def test_a_new_lead_is_quiet_in_time_although_it_never_did_anything() -> None:
    first = found(known())
    assert (first.segments, first.look_at) == ((), NOW + 7 * DAY)
    assert found(known(), now=NOW + 7 * DAY).segments == ("quiet",)


def test_the_first_touch_is_when_a_lead_became_known() -> None:
    touched = Known(b'{"first_touch":{"at":"2026-02-20T12:00:00Z"}}', b"{}")
    assert found(touched).segments == ("quiet",)
    for odd in (b'{"first_touch":{"at":"yesterday"}}', b'{"first_touch":{"at":7}}', b'{"first_touch":[]}', b"{}"):
        assert found(Known(odd, b"{}")).segments == ()


def test_what_we_do_is_no_activity_of_the_lead() -> None:
    ours = known(view(1, None, "mail.sent"), view(1, None, "note.added"))
    assert found(ours, first_seen=NOW - 30 * DAY).segments == ("quiet",)


def test_moves_are_what_differs_with_the_reason() -> None:
    rules = compiled()
    since = {"keen": "2026-01-01T00:00:00Z", "gone": "2026-01-02T00:00:00Z"}
    assert moves_of(since, ("good",), rules) == [
        Move("keen", False, "conditions", since["keen"]),
        Move("gone", False, "segment_gone", since["gone"]),
        Move("good", True),
    ]
    assert [move.why for move in moves_of(since, (), None)] == ["lead_gone", "lead_gone"]
    assert moves_of(dict.fromkeys(("good",), "x"), ("good",), rules) == []


INTEREST = """
kind: segments
counts: {asked: {kinds: [form.submitted], days: 10}}
interest:
  - {id: asks, class: interested, reason: asked, when: {field: activity.asked, gte: 1}}
  - {id: others, class: not_now, when: {field: title, exists: true}}
segments:
  - {id: hot, when: {field: interest.class, eq: interested}}
  - {id: later, when: {all: [{field: interest.class, eq: not_now}, {field: interest.reason, eq: budget}]}}
"""


def test_interest_is_concluded_where_nobody_has_said_anything() -> None:
    asked = found(known(view(1, None, "form.submitted")), INTEREST)
    assert (asked.segments, asked.interest) == (("hot",), Interest("interested", "asked", stated=False))
    assert found(known(title="x"), INTEREST).interest == Interest("not_now", "others", stated=False)


def test_what_was_said_stands_before_what_rules_conclude() -> None:
    stated = Interest("not_now", "budget", NOW + DAY)
    assert found(known(view(1, None, "form.submitted"), stated=stated), INTEREST).segments == ("later",)


def test_why_a_lead_is_not_in_a_segment_is_told_without_its_values() -> None:
    told = explain_segments(known(view(1), title="Secret"), NOW, compiled(), members={"keen": "x"}, now=NOW)
    by_name = {each["segment"]: each for each in told["segments"]}
    assert by_name["keen"]["missing"] == ["activity.prices gte 2"]
    assert by_name["quiet"] == {
        "segment": "quiet",
        "member": False,
        "since": None,
        "met": [],
        "missing": ["activity.anything eq 0", "known_days gte 7"],
    }
    assert "Secret" not in str(told)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "{id: a, when: {field: activity.other, gte: 1}}",
            "segments[0].when.field: expected a count that stands under",
        ),
        ("{id: a, when: {field: activity.prices, eq: many}}", "segments[0].when.eq: expected a number, found text"),
        ("{id: a, when: {field: activity.prices, contains: 1}}", "expected an operator for a number"),
        ("{id: a, when: {field: titel, eq: x}}", "did you mean title?"),
        ("{id: A, when: {always: true}}", "small letters"),
        ("{id: a}, {id: a}", "an id that is used once"),
        ("{id: a, points: 3}", "segments[0]"),
    ],
)
def test_a_mistake_is_told_with_its_place(line: str, said: str) -> None:
    text = f"kind: segments\ncounts: {{prices: {{days: 3}}}}\nsegments: [{line}]\n"
    with pytest.raises(RuleFileError) as refused:
        load_segment_rules(text, "s.yaml")
    assert "s.yaml:3:" in str(refused.value) and said in str(refused.value)


@pytest.mark.parametrize(
    "count", ["{days: 0}", "{days: 4000}", "{days: x}", "{days: 3, kinds: [Mail]}", "{kinds: [a]}"]
)
def test_a_count_has_days_and_kinds(count: str) -> None:
    with pytest.raises(RuleFileError):
        load_segment_rules(f"kind: segments\ncounts: {{a: {count}}}\nsegments: []\n")


def test_interest_rules_do_not_rest_on_interest() -> None:
    line = "{id: a, class: interested, when: {field: interest.class, eq: not_now}}"
    with pytest.raises(RuleFileError, match="does not depend on these rules"):
        load_segment_rules(f"kind: segments\ninterest: [{line}]\nsegments: []\n")


def test_a_segment_that_nobody_can_enter_is_warned_about() -> None:
    line = "{id: a, when: {all: [{field: known_days, gt: 5}, {field: known_days, lt: 5}]}}"
    (warning,) = check(f"kind: segments\nsegments: [{line}]\n", "s.yaml")
    assert "can never match" in str(warning)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"class": "maybe"},
        {"class": "not_now", "reason": ""},
        {"class": "not_now", "reason": "x" * 201},
        {"class": "not_now", "reason": "a\nb"},
        {"class": "not_now", "resume_at": "soon"},
        {"class": "not_now", "resume_at": 7},
        {"class": "interested", "resume_at": "2026-03-01"},
        {"class": ["not_now"]},
    ],
)
def test_what_is_no_statement_of_interest_is_told_as_a_sentence(said: dict[str, object]) -> None:
    assert isinstance(read_interest(said), str)


def test_a_date_to_come_back_is_its_first_second() -> None:
    said = read_interest({"class": "not_now", "reason": "budget", "resume_at": "2026-03-01"})
    assert said == Interest("not_now", "budget", datetime(2026, 3, 1, tzinfo=UTC))
    zoned = read_interest({"class": "not_now", "resume_at": "2026-03-01T02:00:00+02:00"})
    assert isinstance(zoned, Interest) and zoned.resume_at == datetime(2026, 3, 1, tzinfo=UTC)
    assert RESUMED.interest == "interested"


@pytest.mark.parametrize("days", ["9000000", "900000000000000"])
def test_an_age_that_nobody_reaches_is_no_instant_to_look_at(days: str) -> None:
    text = f"kind: segments\nsegments: [{{id: old, when: {{field: known_days, gte: {days}}}}}]"
    assert (found(known(), text).segments, found(known(), text).look_at) == ((), None)


def test_a_lead_that_came_in_the_future_can_be_looked_at() -> None:
    lead = orjson.dumps({"first_touch": {"at": "9999-12-31T23:00:00Z"}})
    assert found(Known(lead, b"{}"), first_seen=NOW - DAY).look_at == NOW + 6 * DAY
