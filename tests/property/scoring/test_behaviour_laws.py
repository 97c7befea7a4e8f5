"""Laws of points for behaviour: sums add up, order and repetition do not matter, and a score turns when it is said to."""

from datetime import timedelta
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain.behaved import BehavedLead, CorrectedBehaviour
from services.scoring.domain.behaviour import (
    DAY_MS,
    KEPT_DAYS,
    Deed,
    Log,
    kept,
    ms_of,
    note_corrected,
    note_told,
    read_log,
    union,
    write_log,
)
from services.scoring.domain.model import ScoringModel
from services.scoring.domain.scoring import CompiledModel, compile_model, labels_of, weigh_at
from services.scoring.domain.turning import LEAST_STEP_S
from shared.contracts.events.scoring import Score
from shared.rules import LoadedRules, content_hash
from tests.support.scoring import NOW, behaved, corrected, lead_id

NOW_MS = ms_of(NOW)
KINDS = ("page.viewed", "mail.opened")
days = st.floats(0.01, KEPT_DAYS, allow_nan=False)


@st.composite
def behaviour_rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for index in range(draw(st.integers(1, 5))):
        rule: dict[str, Any] = {
            "id": f"b{index}",
            "event": draw(st.sampled_from([*KINDS, list(KINDS)])),
            "points": draw(st.integers(-60, 60).filter(bool)),
            "once_per": draw(st.sampled_from(["event", "asset", "day", "ever"])),
        }
        if draw(st.booleans()):
            rule["cap"] = draw(st.integers(1, 80))
        if draw(st.booleans()):
            rule["window_days"] = draw(days)
        if draw(st.booleans()):
            rule["decay"] = {draw(st.sampled_from(["half_life_days", "linear_days"])): draw(days)}
        made.append(rule)
    return made


@st.composite
def models(draw: st.DrawFn) -> CompiledModel:
    document = {
        "kind": "scoring",
        "rules": [{"id": "f", "points": draw(st.integers(1, 60))}],
        "behaviour": draw(behaviour_rules()),
        "limits": {"total": {"max": draw(st.integers(20, 200))}},
        "grades": {"by": "total", "A": 60, "B": 40, "C": 20},
    }
    model = ScoringModel.model_validate_json(orjson.dumps(document), strict=True)
    assert not list(model.find_faults())
    return compile_model(LoadedRules(model, content_hash(model), ()), version=1)


deeds = st.lists(
    st.builds(
        Deed,
        st.uuids().map(str),
        st.integers(NOW_MS - (KEPT_DAYS + 5) * DAY_MS, NOW_MS),
        st.builds(lambda kind, path: {"kind": kind, "path": path}, st.sampled_from(KINDS), st.sampled_from("abc")),
        st.booleans(),
        st.just(-1),
        st.booleans(),
    ),
    max_size=12,
    unique_by=lambda deed: deed.event_id,
).map(lambda made: union([{deed.event_id: deed for deed in made}]))


def weighed(model: CompiledModel, done: list[Deed], now_ms: int = NOW_MS) -> Any:
    return weigh_at({}, model, done, now_ms=now_ms, came_ms=NOW_MS)


@given(models(), deeds)
def test_contributions_and_clamps_sum_to_the_score(model: CompiledModel, done: list[Deed]) -> None:
    score = weighed(model, done).score
    assert sum(each["points"] for each in score["contributions"]) + score["clamp"] == score["value"]
    assert sum(each["points"] for each in score.get("clamps", [])) == score["clamp"]
    checked = Score.model_validate({**score, "scored_at": "2026-01-05T10:00:00Z"})
    counted = {each.event_id for each in done if each.counts}
    assert all(set(each.events) <= counted for each in checked.contributions)


@given(models(), deeds, st.randoms(use_true_random=False))
def test_neither_order_nor_the_split_into_logs_matters(model: CompiledModel, done: list[Deed], random: Any) -> None:
    logs: list[Log] = [{}, {}, {}]
    for deed in random.sample(done, len(done)):
        logs[random.randrange(3)][deed.event_id] = deed
    split = union(read_log(write_log(log)) for log in logs)
    assert weighed(model, split) == weighed(model, done)


@settings(max_examples=150)
@given(models(), deeds, st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_nothing_turns_before_it_is_said_to(model: CompiledModel, done: list[Deed], parts: list[float]) -> None:
    now = weighed(model, done)
    until_ms = now.turns_ms if now.turns_ms is not None else NOW_MS + (KEPT_DAYS + 10) * DAY_MS
    assert until_ms > NOW_MS
    for part in parts:
        between = min(until_ms - 1000, NOW_MS + int((until_ms - NOW_MS) * part))
        assert labels_of(weighed(model, done, max(NOW_MS, between)).score) == labels_of(now.score)
    if now.turns_ms is not None:
        turned = labels_of(weighed(model, done, now.turns_ms).score) != labels_of(now.score)
        assert turned or now.turns_ms >= NOW_MS + LEAST_STEP_S * 1000  # a search that ended early


EVENTS = [lead_id(n) for n in range(3)]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("told"), st.sampled_from(EVENTS), st.just(0), st.just(True)),
        st.tuples(st.just("reclassified"), st.sampled_from(EVENTS), st.integers(1, 4), st.booleans()),
        st.tuples(st.just("retracted"), st.sampled_from(EVENTS), st.integers(5, 8), st.booleans()),
    ),
    max_size=10,
    unique_by=lambda step: (step[1], step[2]),
)


def logged(taken: list[Any]) -> Log:
    log: Log = {}
    for what, event_id, minute, human in taken:
        if what == "told":
            note_told(log, event_id, BehavedLead.model_validate_json(behaved(1)))
        else:
            said = corrected(1, event_id, change=what, human=human, minute=minute)
            note_corrected(log, CorrectedBehaviour.model_validate_json(said))
    return log


@given(steps, st.randoms(use_true_random=False))
def test_a_log_is_a_function_of_what_was_told(taken: list[Any], random: Any) -> None:
    repeated = [*taken, *random.sample(taken, len(taken) // 2)]
    assert logged(random.sample(repeated, len(repeated))) == logged(taken)


@given(deeds)
def test_a_log_that_is_kept_again_stays_as_it_is(done: list[Deed]) -> None:
    once = kept({deed.event_id: deed for deed in done}, NOW_MS)
    assert kept(once, NOW_MS) == once
    assert kept(once, NOW_MS + int(timedelta(days=KEPT_DAYS + 1).total_seconds() * 1000)) == {}
