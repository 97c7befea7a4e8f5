"""Points for what leads do: which events count, what they are worth as they fade, and when a score turns by itself."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from services.scoring.domain.behaved import BehavedLead, CorrectedBehaviour
from services.scoring.domain.behaviour import (
    KEPT_DAYS,
    MOST_HUMAN,
    MOST_OTHERS,
    Deed,
    Log,
    instant_of,
    kept,
    ms_of,
    note_corrected,
    note_told,
    read_log,
    union,
    write_log,
)
from services.scoring.domain.engagement import tally
from services.scoring.domain.model import load_scoring_model
from services.scoring.domain.scoring import CompiledModel, Weighed, compile_model, weigh, weigh_at
from services.scoring.domain.turning import LEAST_STEP_S, first_turn
from shared.rules import RuleFileError
from tests.support.scoring import NOW, behaved, corrected, lead_id

NOW_MS = ms_of(NOW)
DAY = timedelta(days=1)


def model_of(rules: str, more: str = "") -> CompiledModel:
    text = f"kind: scoring\nrules: []\n{more}\nbehaviour:\n" + "".join(f"  - {line}\n" for line in rules.splitlines())
    return compile_model(load_scoring_model(text), version=1)


def deed(name: str, days_ago: float = 0, *, kind: str = "page.viewed", human: bool = True, **facts: Any) -> Deed:
    at_ms = NOW_MS - int(days_ago * DAY.total_seconds() * 1000)
    return Deed(name, at_ms, {"kind": kind, **facts}, human)


def scored(model: CompiledModel, *deeds: Deed, later: timedelta = timedelta()) -> Weighed:
    log = {each.event_id: each for each in deeds}
    return weigh_at({}, model, union([log]), now_ms=ms_of(NOW + later), came_ms=NOW_MS)


def points(model: CompiledModel, *deeds: Deed, later: timedelta = timedelta()) -> int:
    return int(scored(model, *deeds, later=later).score["engagement"])


def test_a_visit_to_the_pricing_page_and_an_opened_mail() -> None:
    model = model_of(
        "{id: prices, event: page.viewed, points: 10, when: {field: event.category, eq: pricing}}\n"
        "{id: opened, event: mail.opened, points: 1, once_per: asset}"
    )
    visit, opened = deed("v", category="pricing"), deed("o", kind="mail.opened", message_id="m-1")
    assert points(model, visit) == 10
    assert points(model, visit, deed("b", category="blog"), opened) == 11
    score = scored(model, visit, opened).score
    assert [(each["rule"], each["points"], each["events"]) for each in score["contributions"]] == [
        ("prices", 10, ["v"]),
        ("opened", 1, ["o"]),
    ]


def test_what_a_machine_did_counts_nothing_and_neither_does_what_was_taken_back() -> None:
    model = model_of("{id: clicked, event: mail.clicked, points: 10}")
    assert points(model, deed("a", kind="mail.clicked", human=False)) == 0
    taken = Deed("a", NOW_MS, {"kind": "mail.clicked"}, retracted=True)
    assert points(model, taken) == 0
    assert scored(model, taken).score["contributions"] == []


@pytest.mark.parametrize(("once_per", "expected"), [("event", 60), ("asset", 20), ("day", 30), ("ever", 10)])
def test_once_per(once_per: str, expected: int) -> None:
    model = model_of(f"{{id: r, event: page.viewed, points: 10, once_per: {once_per}}}")
    deeds = [deed(f"{path}{days}", days, path=f"/{path}") for path in "ab" for days in (0, 1, 2)]
    assert points(model, *deeds) == expected


def test_a_mail_that_is_opened_again_counts_once() -> None:
    model = model_of("{id: r, event: mail.opened, points: 3, once_per: asset}")
    again = [deed(f"o{n}", n, kind="mail.opened", message_id="m-1") for n in range(4)]
    assert points(model, *again) == 3
    assert points(model, *again, deed("x", kind="mail.opened", message_id="m-2")) == 6


def test_the_cap_of_a_rule_is_visible() -> None:
    score = scored(
        model_of("{id: r, event: page.viewed, points: 10, cap: 25}"), *(deed(str(n)) for n in range(4))
    ).score
    assert (score["engagement"], score["clamp"]) == (25, -15)
    assert score["clamps"] == [{"of": "rule", "name": "r", "points": -15}]
    (contribution,) = score["contributions"]
    assert (contribution["points"], contribution["count"]) == (40, 4)


def test_every_limit_that_took_something_is_named() -> None:
    model = model_of(
        "{id: r, event: page.viewed, points: 100, cap: 95, group: g}\n{id: s, event: page.viewed, points: 30}",
        "groups: {g: {max: 90}}\nlimits: {engagement: {max: 100}, total: {max: 70}}",
    )
    score = scored(model, deed("a")).score
    assert score["clamps"] == [
        {"of": "rule", "name": "r", "points": -5},
        {"of": "group", "name": "g", "points": -5},
        {"of": "axis", "name": "engagement", "points": -20},
        {"of": "total", "name": "total", "points": -30},
    ]
    assert score["value"] == 70 == sum(each["points"] for each in score["contributions"]) + score["clamp"]


def test_a_window_closes() -> None:
    model = model_of("{id: r, event: page.viewed, points: 10, window_days: 30}")
    assert points(model, deed("a", 29.9)) == 10
    assert points(model, deed("a", 30)) == 0
    assert points(model_of("{id: r, event: page.viewed, points: 10}"), deed("a", KEPT_DAYS)) == 0


@pytest.mark.parametrize(
    ("decay", "days", "expected"),
    [("half_life_days: 30", 0, 10), ("half_life_days: 30", 30, 5), ("half_life_days: 30", 60, 3), ("half_life_days: 30", 130, 0),
     ("linear_days: 60", 0, 10), ("linear_days: 60", 30, 5), ("linear_days: 60", 59, 0), ("linear_days: 60", 90, 0)],
)  # fmt: skip
def test_points_fade_in_event_time(decay: str, days: int, expected: int) -> None:
    model = model_of(f"{{id: r, event: page.viewed, points: 10, decay: {{{decay}}}}}")
    assert points(model, deed("a", days)) == expected
    assert points(model, deed("a"), later=timedelta(days=days)) == expected


def test_negative_points_fade_too() -> None:
    model = model_of("{id: r, event: page.viewed, points: -10, axis: fit, decay: {linear_days: 10}}", "groups: {}")
    given = [scored(model, deed("a", days)).score["contributions"] for days in (0, 5, 10)]
    assert [sum(each["points"] for each in contributions) for contributions in given] == [-10, -5, 0]


def test_levels_of_engagement_stand_beside_the_grade() -> None:
    model = model_of("{id: r, event: page.viewed, points: 25}", "levels: {1: 75, 2: 50, 3: 25}")
    found = [scored(model, *(deed(str(n)) for n in range(count))).score for count in range(5)]
    assert [(each["level"], each["matrix"]) for each in found] == [
        (4, "D4"),
        (3, "D3"),
        (2, "D2"),
        (1, "D1"),
        (1, "D1"),
    ]


FADING = "{id: r, event: page.viewed, points: 80, decay: {half_life_days: 30}}"


def test_a_score_turns_at_the_first_second_that_makes_another_of_it() -> None:
    model = model_of(FADING, "levels: {1: 100, 2: 99, 3: 98}")
    hot = scored(model, deed("a"))
    assert hot.score["temperature"] == "hot" and hot.turns_ms is not None
    for told, wanted in (("hot", "warm"), ("warm", "cold")):
        turns = instant_of(hot.turns_ms or 0)
        before = scored(model, deed("a"), later=turns - NOW - timedelta(seconds=1))
        after = scored(model, deed("a"), later=turns - NOW)
        assert (before.score["temperature"], after.score["temperature"]) == (told, wanted)
        hot = after
    assert hot.turns_ms is None


def test_a_window_that_closes_turns_a_score() -> None:
    model = model_of("{id: r, event: page.viewed, points: 80, window_days: 7}")
    turns = scored(model, deed("a", 2)).turns_ms
    assert turns is not None and instant_of(turns) - NOW == timedelta(days=5)


def test_a_score_that_nothing_fades_from_never_turns() -> None:
    assert scored(model_of(FADING)).turns_ms is None
    assert scored(model_of("{id: r, event: page.viewed, points: 1}"), deed("a")).turns_ms is None


def test_a_temperature_by_activity_starts_hot_and_cools() -> None:
    model = model_of(
        "{id: r, event: mail.clicked, points: 1}", "temperature: {by: activity, hot_days: 7, warm_days: 30}"
    )
    fresh = scored(model)
    assert fresh.score["temperature"] == "hot"
    assert fresh.turns_ms == ms_of(NOW + timedelta(days=7))
    warm = scored(model, later=timedelta(days=7))
    assert (warm.score["temperature"], warm.turns_ms) == ("warm", ms_of(NOW + timedelta(days=30)))
    assert scored(model, later=timedelta(days=30)).score["temperature"] == "cold"
    back = deed("a", -20)
    assert scored(model, back, later=timedelta(days=21)).score["temperature"] == "hot"
    assert scored(model, deed("a", -20, human=False), later=timedelta(days=21)).score["temperature"] == "warm"


def test_a_lead_that_did_nothing_scores_as_ever() -> None:
    model = model_of(FADING)
    assert weigh_at({}, model, (), now_ms=NOW_MS, came_ms=NOW_MS) == weigh({}, model)


# -- the log ------------------------------------------------------------------------------------------------------


def told(**said: Any) -> BehavedLead:
    return BehavedLead.model_validate_json(behaved(1, **said))


def test_an_event_is_read_with_what_rules_may_ask_about() -> None:
    event = told(
        category="pricing", topics=["crm"], dwell_s=12.5, human_probability=0.9, message_id=None,
        properties={"url": "https://shop.example/pricing?email=ann@example.com", "form": "demo", "secret": "x"},
    )  # fmt: skip
    assert event.facts == {
        "kind": "page.viewed", "category": "pricing", "path": "/pricing", "topics": ["crm"], "dwell_s": 12.5,
        "human_probability": 0.9, "form": "demo",
    }  # fmt: skip
    assert event.at_ms == NOW_MS


@pytest.mark.parametrize("url", [7, None, "http://[", "x" * 5000, ""])
def test_an_odd_address_is_no_reason_to_fail(url: Any) -> None:
    assert len(told(properties={"url": url}).facts.get("path", "")) <= 200


def test_a_record_that_is_none_is_refused() -> None:
    for broken in (
        b"{}",
        b"[]",
        b"\xff",
        orjson.dumps({"lead_id": "x", "kind": "k", "occurred_at": "2026-01-05T10:00:00Z"}),
    ):
        with pytest.raises(ValidationError):
            BehavedLead.model_validate_json(broken)


def said(event_id: str, **given: Any) -> CorrectedBehaviour:
    return CorrectedBehaviour.model_validate_json(corrected(1, event_id, **given))


EVENT = lead_id(7)


def test_an_event_is_news_once() -> None:
    log: Log = {}
    assert note_told(log, EVENT, told())
    assert not note_told(log, EVENT, told())
    assert read_log(write_log(log)) == log


def test_the_newest_correction_stands_whatever_comes_first() -> None:
    machine, person = said(EVENT, human=False, minute=1), said(EVENT, human=True, minute=2)
    for order in ((machine, person), (person, machine)):
        log: Log = {}
        assert note_corrected(log, order[0])  # before the event itself
        assert note_told(log, EVENT, told())
        note_corrected(log, order[1])
        assert log[EVENT].counts
        assert not note_corrected(log, order[1])


def test_what_was_taken_back_stays_so() -> None:
    log: Log = {}
    note_told(log, EVENT, told())
    assert note_corrected(log, said(EVENT, change="retracted", minute=1))
    note_corrected(log, said(EVENT, human=True, minute=2))
    assert not log[EVENT].counts
    assert not note_told(log, EVENT, told())


def test_a_log_is_bounded_and_machines_push_nobody_out() -> None:
    people = {f"p{n}": deed(f"p{n}", n / 100) for n in range(MOST_HUMAN + 10)}
    machines = {f"m{n}": deed(f"m{n}", human=False) for n in range(MOST_OTHERS + 10)}
    left = kept({**people, **machines}, NOW_MS)
    assert len(left) == MOST_HUMAN + MOST_OTHERS
    assert {f"p{n}" for n in range(MOST_HUMAN)} <= left.keys()
    assert kept({"old": deed("old", KEPT_DAYS + 1)}, NOW_MS) == {}


# -- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "place", "words"),
    [
        ("{id: a, event: 5, points: 1}", "4:20", "a kind of event, such as page.viewed"),
        ("{id: a, event: [], points: 1}", "4:20", "a kind of event"),
        ("{id: a, points: 1}", "4:5", "event"),
        ("{id: a, event: x, points: 0}", "4:31", "not 0"),
        ("{id: a, event: x, points: 1, decay: {}}", "4:41", "half_life_days or linear_days"),
        ("{id: a, event: x, points: 1, decay: {half_life_days: 3, linear_days: 3}}", "4:41", "half_life_days or linear_days"),
        ("{id: a, event: x, points: 1, decay: {linear_days: '3'}}", "4:55", "days, a number"),
        ("{id: a, event: x, points: 1, window_days: 401}", "4:47", "not above 400"),
        ("{id: a, event: x, points: 1, cap: 0}", "4:39", "above 0"),
        ("{id: a, event: x, points: 1, once_per: hour}", "4:44", "'event', 'asset', 'day' or 'ever'"),
        ("{id: a, event: x, points: 1, group: g}", "4:41", "stands under groups"),
        ("{id: a, event: x, points: 1, when: {field: title, eq: x}}", "4:40", "fields of the event"),
        ("{id: a, event: x, points: 1, when: {field: event.categori, eq: x}}", "4:48", "did you mean event.category"),
        ("{id: r, event: x, points: 1}", "4:10", "it stands under rules"),
    ],
)  # fmt: skip
def test_a_broken_rule_is_refused_with_its_place(rule: str, place: str, words: str) -> None:
    text = f"kind: scoring\nrules: [{{id: r, points: 1}}]\nbehaviour:\n  - {rule}\n"
    with pytest.raises(RuleFileError) as refused:
        load_scoring_model(text, "m.yaml")
    assert f"m.yaml:{place} " in str(refused.value), str(refused.value)
    assert words in str(refused.value), str(refused.value)


def test_a_rule_about_leads_asks_nothing_of_events() -> None:
    text = "kind: scoring\nrules:\n  - {id: a, points: 1, when: {field: event.kind, eq: page.viewed}}\n"
    with pytest.raises(RuleFileError, match="rules about events stand under behaviour"):
        load_scoring_model(text)


def test_the_search_for_a_turn_is_bounded_where_rules_give_and_take_at_once() -> None:
    """Beside a threshold, every point that fades might turn the score: it is looked at again instead of searched for long."""
    rules = "\n".join(
        f"{{id: {name}, event: page.viewed, points: {points}, decay: {{half_life_days: 30}}}}"
        for name, points in (("plus", 10), ("minus", -10))
    )
    base = "rules: [{id: base, axis: engagement, points: 50, when: {always: true}}]"
    text = f"kind: scoring\n{base}\nbehaviour:\n" + "".join(f"  - {line}\n" for line in rules.splitlines())
    model = compile_model(load_scoring_model(text), version=1)
    deeds = union([{str(n): deed(str(n), n / 2) for n in range(100)}])
    looked = 0

    def labels(points: Sequence[int]) -> tuple[Any, ...]:
        nonlocal looked
        looked += 1
        return (sum(points) >= 0,)

    turns_ms = first_turn(tally(deeds, model.behaviour, NOW_MS), labels, NOW_MS)
    assert looked < 2000
    assert turns_ms is not None and turns_ms >= NOW_MS + LEAST_STEP_S * 1000
    assert weigh_at({}, model, deeds, now_ms=NOW_MS, came_ms=NOW_MS).score["level"] == 2
