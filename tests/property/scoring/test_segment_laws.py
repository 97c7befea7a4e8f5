"""The law of segments: kept up to date event by event, and when time says so, they are what a recount would find."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.segments.domain.happenings import Happening
from services.scoring.segments.domain.membership import (
    CompiledSegments,
    Interest,
    Known,
    compile_segments,
    find_segments,
)
from services.scoring.segments.domain.model import load_segment_rules
from services.scoring.segments.domain.standing import Standing
from shared.contracts.envelope import rfc3339

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
COUNTS = ("a", "b")
OPERATORS = ("eq", "ne", "gt", "gte", "lt", "lte")

numbers = st.integers(0, 4) | st.sampled_from([0.5, 1.5])
fields = st.sampled_from([*(f"activity.{name}" for name in COUNTS), "known_days"])
about_counts = st.builds(lambda f, o, v: {"field": f, o: v}, fields, st.sampled_from(OPERATORS), numbers) | st.builds(
    lambda f, low, more: {"field": f, "between": [low, low + more]}, fields, st.integers(0, 3), st.integers(0, 2)
)
about_facts = st.sampled_from(
    [{"field": "title", "eq": "x"}, {"field": "score.grade", "eq": "A"}, {"field": "interest.class", "eq": "not_now"}]
)
conditions = st.recursive(
    about_counts | about_facts,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3).map(lambda c: {"all": c})
        | st.lists(inner, min_size=1, max_size=3).map(lambda c: {"any": c})
        | inner.map(lambda c: {"not": c})
    ),
    max_leaves=5,
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    counts = {
        "a": {"days": draw(st.integers(1, 3))},
        "b": {"days": draw(st.integers(1, 3)), "kinds": ["page.viewed"], "category": "pricing"},
    }
    segments = [{"id": f"s{n}", "when": draw(conditions)} for n in range(draw(st.integers(1, 4)))]
    return {"kind": "segments", "counts": counts, "segments": segments}


happens = st.sampled_from(
    [("page.viewed", "pricing"), ("page.viewed", None), ("form.submitted", None), ("mail.sent", None)]
)
# What happens next, and how many half hours later.
steps = st.lists(
    st.tuples(
        st.integers(0, 96),
        st.one_of(
            happens.map(lambda what: ("did", what)),
            st.sampled_from(["x", "y"]).map(lambda title: ("title", title)),
            st.sampled_from("AB").map(lambda grade: ("grade", grade)),
            st.sampled_from(["not_now", "interested"]).map(lambda said: ("said", said)),
            st.integers(0, 5).map(lambda index: ("undone", index)),
            st.just(("nothing", None)),
        ),
    ),
    max_size=12,
)


class Person:
    """All that is known of a lead, as the tables hold it."""

    def __init__(self) -> None:
        self.title, self.grade = "y", "B"
        self.done: list[Happening] = []
        self.stated: Interest | None = None

    def take(self, what: str, value: Any, now: datetime) -> None:
        if what == "did":
            kind, category = value
            self.done.append(Happening(kind, category, now))
        elif what == "undone" and self.done:
            self.done.pop(value % len(self.done))
        elif what == "title":
            self.title = value
        elif what == "grade":
            self.grade = value
        elif what == "said":
            self.stated = Interest(value, "x")

    def known(self) -> Known:
        return Known(
            orjson.dumps({"title": self.title}), orjson.dumps({"grade": self.grade}), tuple(self.done), self.stated
        )


def look(person: Person, standing: Standing, rules: CompiledSegments, now: datetime) -> list[tuple[str, bool]]:
    found = find_segments(person.known(), START, rules, now=now)
    moves = standing.become(found, rules, rfc3339(now))
    return [(move.segment, move.entered) for move in moves]


@settings(max_examples=300, deadline=None)
@given(documents(), steps)
def test_segments_are_always_what_a_recount_finds(document: dict[str, Any], story: list[tuple[int, Any]]) -> None:
    """Between events the lead is looked at only when its timer says so. At any half hour, a look from nothing agrees."""
    rules = compile_segments(load_segment_rules(orjson.dumps(document)), version=1)
    person, standing, now = Person(), Standing("lead"), START
    entered: dict[str, int] = {}

    def note(moves: list[tuple[str, bool]]) -> None:
        for segment, is_in in moves:
            entered[segment] = entered.get(segment, 0) + (1 if is_in else -1)
            assert entered[segment] in (0, 1)  # events alternate

    note(look(person, standing, rules, now))
    for pause, (what, value) in story:
        for _ in range(pause):
            now += HOUR / 2
            while standing.look_at is not None and standing.look_at <= now:
                note(look(person, standing, rules, standing.look_at))
            recount = find_segments(person.known(), START, rules, now=now)
            assert sorted(standing.members) == sorted(recount.segments)
        person.take(what, value, now)
        note(look(person, standing, rules, now))
        assert sorted(standing.members) == sorted(find_segments(person.known(), START, rules, now=now).segments)
    assert {segment for segment, n in entered.items() if n} == standing.members.keys()


@settings(max_examples=100, deadline=None)
@given(documents(), steps)
def test_a_look_that_nothing_led_to_moves_nothing(document: dict[str, Any], story: list[tuple[int, Any]]) -> None:
    rules = compile_segments(load_segment_rules(orjson.dumps(document)), version=1)
    person, now = Person(), START
    for pause, (what, value) in story:
        now += pause * HOUR / 2
        person.take(what, value, now)
    standing = Standing("lead")
    look(person, standing, rules, now)
    again = Standing("lead", dict(standing.members), look_at=standing.look_at, stored=True)
    assert look(person, again, rules, now) == []
    assert not again.changed
