"""Laws of every score: it is the sum of what it lists, whatever the model and whatever the lead."""

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scoring.domain.model import ScoringModel, load_scoring_model
from services.scoring.domain.scoring import CompiledModel, compile_model, compute_score, weigh
from services.scoring.seed import DEFAULT_MODEL
from shared.contracts.envelope import rfc3339
from shared.contracts.events.scoring import Score
from shared.rules import LoadedRules, content_hash
from tests.support.scoring import NOW, lead

FIELDS = ("a", "b", "c")
conditions = st.recursive(
    st.builds(lambda f, v: {"field": f"extra.{f}", "eq": v}, st.sampled_from(FIELDS), st.booleans())
    | st.just({"always": True}),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda c: {"all": c}),
        st.lists(inner, min_size=1, max_size=3).map(lambda c: {"any": c}),
        inner.map(lambda c: {"not": c}),
    ),
    max_leaves=5,
)
GROUPS = {"fit": ("f1", "f2"), "engagement": ("e1",)}


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = []
    for index in range(draw(st.integers(0, 8))):
        axis = draw(st.sampled_from(["fit", "engagement"]))
        group = draw(st.sampled_from((None, *GROUPS[axis])))
        points = draw(st.integers(-60, 60).filter(bool))
        rule = {"id": f"r{index}", "axis": axis, "points": points, "when": draw(conditions)}
        made.append(rule if group is None else {**rule, "group": group})
    return made


bounds = st.tuples(st.integers(-50, 0), st.integers(0, 50))


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:
    groups = {}
    for name in ("f1", "f2", "e1"):
        least, most = draw(bounds)
        groups[name] = draw(st.sampled_from([{"min": least}, {"max": most}, {"min": least, "max": most}]))
    low, high = sorted(draw(st.tuples(st.integers(0, 100), st.integers(0, 100))))
    return {"kind": "scoring", "groups": groups, "limits": {"fit": {"min": low, "max": high}}, "rules": draw(rules())}


values = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)
leads = st.builds(lambda extra: {"lead_id": "x", "extra": extra}, st.dictionaries(st.sampled_from(FIELDS), values))


def compiled(model: dict[str, Any]) -> CompiledModel:
    document = ScoringModel.model_validate_json(orjson.dumps(model), strict=True)
    assert not list(document.find_faults())
    return compile_model(LoadedRules(document, content_hash(document), ()), version=1)


@given(models(), leads)
def test_contributions_and_clamp_sum_to_the_score(model: dict[str, Any], facts: dict[str, Any]) -> None:
    score = compute_score(facts, compiled(model), now=NOW)
    assert sum(each["points"] for each in score["contributions"]) + score["clamp"] == score["value"]
    assert score["value"] == score["fit"] + score["engagement"]
    assert model["limits"]["fit"]["min"] <= score["fit"] <= model["limits"]["fit"]["max"]
    assert 0 <= score["engagement"] <= 100
    said = Score.model_validate(score).model_dump(mode="json", exclude_unset=True)
    assert said == orjson.loads(orjson.dumps(score))


@given(models(), leads, st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(model: dict[str, Any], facts: dict[str, Any], random: Any) -> None:
    shuffled = {**model, "rules": random.sample(model["rules"], len(model["rules"]))}
    one, other = (compute_score(facts, compiled(each), now=NOW) for each in (model, shuffled))
    for part in ("value", "fit", "engagement", "grade", "temperature", "clamp"):
        assert one[part] == other[part]
    by_rule = [sorted(each["contributions"], key=lambda c: c["rule"]) for each in (one, other)]
    assert by_rule[0] == by_rule[1]


@given(models(), leads, st.sampled_from(["fit", "engagement"]), st.integers(1, 100), st.booleans())
def test_a_rule_with_points_never_lowers_a_score(
    model: dict[str, Any], facts: dict[str, Any], axis: str, points: int, grouped: bool
) -> None:
    bonus = {"id": "bonus", "axis": axis, "points": points, **({"group": GROUPS[axis][0]} if grouped else {})}
    richer = {**model, "rules": [*model["rules"], bonus]}
    one, other = (compute_score(facts, compiled(each), now=NOW) for each in (model, richer))
    assert other["value"] >= one["value"]
    assert "DCBA".index(other["grade"]) >= "DCBA".index(one["grade"])


@given(models(), st.lists(leads, min_size=1, max_size=5))
def test_a_score_found_again_is_the_one_computed_afresh(model: dict[str, Any], several: list[dict[str, Any]]) -> None:
    once = compiled(model)
    for facts in [*several, *several]:
        weighed = weigh(facts, once)
        score = compute_score(facts, once, now=NOW)
        assert orjson.loads(weighed.json_at(rfc3339(NOW))) == orjson.loads(orjson.dumps(score))
        assert sum(weighed.summary["points"].values()) + weighed.summary["clamp"] == score["value"]


@given(models(), leads)
def test_only_rules_that_hold_are_listed_and_their_conditions_were_met(
    model: dict[str, Any], facts: dict[str, Any]
) -> None:
    listed = {each["rule"]: each for each in compute_score(facts, compiled(model), now=NOW)["contributions"]}
    for rule in compiled(model).entries:
        holds, _, _, contribution, _ = rule
        assert holds(facts) == (contribution["rule"] in listed)


DEFAULT = compile_model(load_scoring_model(DEFAULT_MODEL.read_bytes()), version=1)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
lead_fields = st.sampled_from(
    ["email", "email_free", "title", "company", "address", "source", "budget", "touch_count", "products", "extra"]
)


@settings(max_examples=300)
@given(st.dictionaries(lead_fields, json_values))
def test_no_lead_makes_scoring_fail(facts: dict[str, Any]) -> None:
    score = compute_score(facts, DEFAULT, now=NOW)
    assert 0 <= score["fit"] <= 100
    Score.model_validate(score)


@given(st.dictionaries(st.sampled_from(["title", "phone", "message", "source"]), st.text(max_size=20)))
def test_a_free_address_is_never_worth_more(facts: dict[str, Any]) -> None:
    scores = [compute_score(lead(1, email_free=free, **facts), DEFAULT, now=NOW)["fit"] for free in (False, True)]
    assert scores[1] <= scores[0]
