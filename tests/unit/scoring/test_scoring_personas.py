"""Several models beside each other: each scores every lead, and the lead's persona says which one is used."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.catalogue import CATALOGUE
from services.scoring.domain.behaviour import Deed, ms_of, union
from services.scoring.domain.model import ScoringModel, load_scoring_model
from services.scoring.domain.scoring import CompiledModel, compile_model, compute_score, weigh, weigh_at
from shared.contracts.events.scoring import Score
from shared.rules import LoadedRules, RuleFileError
from tests.support.scoring import NOW

NOW_MS = ms_of(NOW)
TEXT = """\
kind: scoring
rules: [{id: base, points: 5, when: {field: source, eq: website}}]
behaviour: [{id: seen, event: page.viewed, points: 40, decay: {linear_days: 10}}]
grades: {by: total, A: 60, B: 40, C: 20}
personas:
  - id: chief
    when: {field: title, contains: chief}
    rules: [{id: decides, points: 50}]
  - id: buyer
    when: {field: title, contains: buyer}
    behaviour: [{id: seen, event: page.viewed, points: 90, cap: 80}]
    sales_ready: {engagement: 80}
  - id: shadow
    when: {field: title, contains: chief}
    limits: {total: {max: 1}}
"""


def model_of(text: str = TEXT) -> CompiledModel:
    return compile_model(load_scoring_model(text), version=3)


def test_the_first_persona_that_holds_is_used_and_every_model_stands_beside() -> None:
    score = weigh({"title": "chief buyer", "source": "website"}, model_of()).score
    assert (score["persona"], score["value"], score["grade"]) == ("chief", 50, "B")
    assert [(each["persona"], each["value"]) for each in score["models"]] == [
        ("default", 5), ("chief", 50), ("buyer", 5), ("shadow", 1),
    ]  # fmt: skip
    Score.model_validate({**score, "scored_at": "2026-01-05T10:00:00Z"}, strict=True)


def test_nobody_in_particular_is_scored_by_the_document() -> None:
    score = weigh({"source": "website"}, model_of()).score
    assert (score["persona"], score["value"]) == ("default", 5)
    assert {each["rule"] for each in score["contributions"]} == {"base"}


def test_parts_that_a_persona_does_not_replace_hold_as_well() -> None:
    seen = [Deed("a", NOW_MS, {"kind": "page.viewed"})]
    chief = weigh_at({"title": "chief"}, model_of(), seen, now_ms=NOW_MS, came_ms=NOW_MS)
    assert (chief.score["fit"], chief.score["engagement"], chief.score["grade"]) == (50, 40, "A")
    assert chief.turns_ms is not None
    buyer = weigh_at({"title": "buyer"}, model_of(), seen, now_ms=NOW_MS, came_ms=NOW_MS)
    assert (buyer.score["engagement"], buyer.score["missing"]) == (80, ["contactable"])
    assert "sales_ready" not in chief.score


def test_a_model_without_personas_says_nothing_of_them() -> None:
    plain = model_of(TEXT[: TEXT.index("personas")])
    assert weigh({}, plain).score.keys().isdisjoint({"persona", "models"})


titles = st.sampled_from(["chief", "buyer", "chief buyer", "clerk", None])
sources = st.sampled_from(["website", "list", None])
seen = st.lists(st.integers(0, 20), max_size=4).map(
    lambda days: union(
        [{str(n): Deed(str(n), NOW_MS - d * 86_400_000, {"kind": "page.viewed"}) for n, d in enumerate(days)}]
    )
)


@given(titles, sources, seen)
def test_each_model_gives_what_it_would_give_alone(title: str | None, source: str | None, deeds: list[Deed]) -> None:
    lead = {"title": title, "source": source}
    document = load_scoring_model(TEXT).model
    together = compute_score(lead, model_of(), now=NOW, deeds=deeds)
    alone = {"default": document.model_copy(update={"personas": ()})}
    alone |= {each.id: document.model_of(each) for each in document.personas}
    for said in together["models"]:
        model: ScoringModel = alone[said["persona"]]
        score = compute_score(lead, compile_model(LoadedRules(model, "x", ()), version=3), now=NOW, deeds=deeds)
        assert {name: score[name] for name in said if name != "persona"} == {
            k: v for k, v in said.items() if k != "persona"
        }
        if said["persona"] == together["persona"]:
            assert together["contributions"] == score["contributions"]
    assert sum(each["points"] for each in together["contributions"]) + together["clamp"] == together["value"]


def test_the_json_that_is_read_of_a_lead_has_what_personas_ask() -> None:
    model = model_of()
    lead = orjson.dumps({"lead_id": "x", "title": "chief", "source": "website", "message": "long"})
    assert model.see(lead) == {"title": "chief", "source": "website"}


@pytest.mark.parametrize(
    ("persona", "place", "words"),
    [
        ("{id: default}", "4:10", "default is the document itself"),
        ("{id: p, rules: [{id: a, points: 0}]}", "4:37", "not 0"),
        ("{id: p, rules: [{id: a, points: 1, group: nobody}]}", "4:47", "stands under groups"),
        ("{id: p, when: {field: titel, eq: x}}", "4:27", "did you mean title"),
        ("{id: p, when: {field: event.kind, eq: x}}", "4:19", "fields of the lead"),
        ("{id: p, rules: [{id: seen, points: 1}]}", "4:5", "behaviour[0].id of the document holds here as well"),
        ("{id: p, groups: {}}", "4:5", "rules[0].group of the document holds here as well"),
        ("{id: p, rules: null}", "4:20", "a list"),
        ("{id: p, personas: []}", "4:13", "known key"),
    ],
)  # fmt: skip
def test_a_broken_persona_is_refused_with_its_place(persona: str, place: str, words: str) -> None:
    start = "kind: scoring\ngroups: {g: {max: 9}}\npersonas:\n"
    rest = "rules: [{id: base, points: 5, group: g}]\nbehaviour: [{id: seen, event: x, points: 4}]\n"
    with pytest.raises(RuleFileError) as refused:
        load_scoring_model(f"{start}  - {persona}\n{rest}", "m.yaml")
    assert f"m.yaml:{place} " in str(refused.value), str(refused.value)
    assert words in str(refused.value)


def test_a_persona_behind_one_that_always_holds_is_warned_about() -> None:
    text = "kind: scoring\nrules: [{id: a, points: 5}]\npersonas:\n  - {id: all}\n  - {id: late, when: {field: title, eq: x}}\n"
    (warning,) = load_scoring_model(text, "m.yaml").warnings
    assert "personas[1]" in str(warning) and "never reached" in str(warning)


def test_routing_may_ask_for_the_persona() -> None:
    assert CATALOGUE.kind("score.persona") == "text"
