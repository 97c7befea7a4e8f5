"""Tests of a scoring model as data: a lead, and the score, the grade, the points by rule that are expected.

kind: scoring-tests
cases:
  - name: A CEO
    lead: {title: CEO}
    expect: {score: 10, contributions: {ceo: 10}}
  - name: Looked at the prices twice, a month ago
    events: [{event: page.viewed, category: pricing, days_ago: 30, times: 2}]
    expect: {engagement: 5}
ranked: [A CEO, A student]
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from services.scoring.domain.behaved import event_facts
from services.scoring.domain.behaviour import DAY_MS, MOST_HUMAN, Deed, ms_of, union
from services.scoring.domain.model import CATALOGUE, ScoringModel
from services.scoring.domain.parts import Days, Grade, Temperature
from services.scoring.domain.scoring import CompiledModel, compile_model, weigh_at
from shared.rules import ABSENT, FieldCatalogue, LoadedRules, Number, RuleFault, RuleModel, Text
from shared.rules.cases import MAX_CASES, Expectation, Mismatch, RuleCase, RuleCases, compare_outcome, facts_given

_NOW_MS = ms_of(datetime(2026, 6, 15, 12, tzinfo=UTC))


class GivenEvent(RuleModel):
    """Something that the lead did, `days_ago`, so many `times` in that moment. Further fields are those that rules ask about as
    `event.category` and so on."""

    event: Text
    """The kind of event."""
    days_ago: Annotated[Number, Field(ge=0)] = 0
    times: Annotated[int, Field(ge=1, le=MOST_HUMAN)] = 1
    human: bool = True
    """False: a machine's."""
    category: Text = Field(default=ABSENT)
    path: Text = Field(default=ABSENT)
    source: Text = Field(default=ABSENT)
    campaign: Text = Field(default=ABSENT)
    material_id: Text = Field(default=ABSENT)
    message_id: Text = Field(default=ABSENT)
    search_term: Text = Field(default=ABSENT)
    topics: tuple[Text, ...] = Field(default=ABSENT)
    dwell_s: Number = Field(default=ABSENT)
    human_probability: Number = Field(default=ABSENT)
    form: Text = Field(default=ABSENT)
    file: Text = Field(default=ABSENT)
    topic: Text = Field(default=ABSENT)
    competitor: Text | bool = Field(default=ABSENT)
    strength: Text | Number = Field(default=ABSENT)
    provider: Text = Field(default=ABSENT)


class ScoringExpectation(Expectation):
    """The score of a lead, or parts of it."""

    score: int = Field(default=ABSENT)
    """The whole: fit and engagement."""
    fit: int = Field(default=ABSENT)
    engagement: int = Field(default=ABSENT)
    grade: Grade = Field(default=ABSENT)
    level: Literal[1, 2, 3, 4] = Field(default=ABSENT)
    """Of engagement, 1 is the highest."""
    matrix: Text = Field(default=ABSENT)
    """Grade and level, such as A1."""
    temperature: Temperature = Field(default=ABSENT)
    sales_ready: bool = Field(default=ABSENT)
    missing: tuple[Text, ...] = Field(default=ABSENT)
    """What is missing for that, in this order: contactable, ids of criteria, fit, engagement."""
    persona: Text = Field(default=ABSENT)
    """Whose model is used; `default` is the document's own."""
    models: dict[str, int] = Field(default=ABSENT)
    """What every model gives, by persona: those and no others."""
    contributions: dict[str, int] = Field(default=ABSENT)
    """Points by the id of the rule: those and no others."""
    clamp: int = Field(default=ABSENT)
    """What limits added or took away."""


class ScoringCase(RuleCase):
    """A lead as `lead.captured` carries it, and what it did. `came_days_ago`: when its last submission came."""

    events: Annotated[tuple[GivenEvent, ...], Field(max_length=MOST_HUMAN)] = ()
    came_days_ago: Days | Literal[0] = 0
    expect: ScoringExpectation


class ScoringCases(RuleCases):
    """The document."""

    catalogue: ClassVar[FieldCatalogue] = CATALOGUE

    kind: Literal["scoring-tests"]
    cases: Annotated[tuple[ScoringCase, ...], Field(min_length=1, max_length=MAX_CASES)]
    ranked: tuple[Text, ...] = ()
    """Names of cases: each one's score is higher than that of the next."""

    def find_faults(self) -> Iterable[RuleFault]:
        """Also names in `ranked` that no case has."""
        yield from super().find_faults()
        names = {case.name for case in self.cases}
        for index, name in enumerate(self.ranked):
            if name not in names:
                yield RuleFault(("ranked", index), "the name of a case", None, "an unknown one")


def run_cases(loaded: LoadedRules[ScoringModel], cases: ScoringCases) -> list[Mismatch]:
    """What the model does otherwise than the cases expect."""
    model = compile_model(loaded, version=0)
    found = {case.name: _outcome(_weigh(case, model)) for case in cases.cases}
    wrong: list[Mismatch] = []
    for index, case in enumerate(cases.cases):
        outcome = found[case.name]
        wrong += compare_outcome(case, index, case.expect.stated(), outcome, _sum(outcome))
    return [*wrong, *_out_of_order(cases.ranked, found)]


def _weigh(case: ScoringCase, model: CompiledModel) -> Mapping[str, Any]:
    came_ms = _NOW_MS - int(case.came_days_ago * DAY_MS)
    return weigh_at(facts_given(case.lead), model, _deeds(case), now_ms=_NOW_MS, came_ms=came_ms).score


def _deeds(case: ScoringCase) -> Sequence[Deed]:
    told = [
        Deed(
            f"{index}-{time}",
            _NOW_MS - int(given.days_ago * DAY_MS),
            event_facts({"kind": given.event, **given.model_dump(mode="json")}),
            given.human,
        )
        for index, given in enumerate(case.events)
        for time in range(given.times)
    ]
    return union([{deed.event_id: deed for deed in told}])


def _outcome(score: Mapping[str, Any]) -> dict[str, Any]:
    points = {each["rule"]: each["points"] for each in score["contributions"]}
    ready = {"sales_ready": score.get("sales_ready"), "missing": score.get("missing", [])}
    sides = {each["persona"]: each["value"] for each in score.get("models", [])}
    ready |= {"persona": score.get("persona"), "models": sides}
    return {**score, **ready, "score": score["value"], "contributions": points}


def _sum(outcome: Mapping[str, Any]) -> str:
    parts = [f"{rule} {points}" for rule, points in outcome["contributions"].items()]
    if outcome["clamp"]:
        parts.append(f"limits {outcome['clamp']}")
    return ", ".join(parts) or "no rule holds"


def _out_of_order(ranked: Sequence[str], found: Mapping[str, Mapping[str, Any]]) -> Iterator[Mismatch]:
    for index, (higher, lower) in enumerate(pairwise(ranked)):
        more, less = found[higher]["score"], found[lower]["score"]
        if more <= less:
            said = f"a score above that of {lower} ({less})"
            yield Mismatch(higher, ("ranked", index), said, str(more), _sum(found[higher]))
