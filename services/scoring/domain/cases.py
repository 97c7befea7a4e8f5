"""Tests of a scoring model as data: a lead, and the score, the grade, the points by rule that are expected.

kind: scoring-tests
cases:
  - name: A CEO
    lead: {title: CEO}
    expect: {score: 10, contributions: {ceo: 10}}
ranked: [A CEO, A student]
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from services.scoring.domain.model import CATALOGUE, Grade, ScoringModel, Temperature
from services.scoring.domain.scoring import compile_model, weigh
from shared.rules import ABSENT, FieldCatalogue, LoadedRules, RuleFault, Text
from shared.rules.cases import MAX_CASES, Expectation, Mismatch, RuleCase, RuleCases, compare_outcome, facts_given


class ScoringExpectation(Expectation):
    """The score of a lead, or parts of it."""

    score: int = Field(default=ABSENT)
    """The whole: fit and engagement."""
    fit: int = Field(default=ABSENT)
    engagement: int = Field(default=ABSENT)
    grade: Grade = Field(default=ABSENT)
    temperature: Temperature = Field(default=ABSENT)
    contributions: dict[str, int] = Field(default=ABSENT)
    """Points by the id of the rule: those and no others."""
    clamp: int = Field(default=ABSENT)
    """What limits added or took away."""


class ScoringCase(RuleCase):
    """A lead as `lead.captured` carries it."""

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
    found = {case.name: _outcome(weigh(facts_given(case.lead), model).score) for case in cases.cases}
    wrong: list[Mismatch] = []
    for index, case in enumerate(cases.cases):
        outcome = found[case.name]
        wrong += compare_outcome(case, index, case.expect.stated(), outcome, _sum(outcome))
    return [*wrong, *_out_of_order(cases.ranked, found)]


def _outcome(score: Mapping[str, Any]) -> dict[str, Any]:
    points = {each["rule"]: each["points"] for each in score["contributions"]}
    return {**score, "score": score["value"], "contributions": points}


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
