"""Tests of a hand-off gate as data: a routed lead, and whether the gate opens.

kind: gate-tests
cases:
  - name: Nobody to talk to
    lead: {company.name: Northwind}
    score: {value: 80}
    expect: {opens: false, missing: [has-name, reachable]}
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from services.conversion.domain.gate import CATALOGUE, Gate, HandOffGate, Open, compile_gate, judge
from shared.rules import ABSENT, FieldCatalogue, LoadedRules, Text
from shared.rules.cases import (
    MAX_CASES,
    Expectation,
    Given,
    Mismatch,
    RuleCase,
    RuleCases,
    compare_outcome,
    facts_given,
)


class GateExpectation(Expectation):
    """Whether the lead may pass, and what it lacks."""

    opens: bool = Field(default=ABSENT)
    missing: tuple[Text, ...] = Field(default=ABSENT)
    """Ids of the criteria that are not met, `min-score` and `grades` among them: those and no others."""


class GateCase(RuleCase):
    """A lead with its score and its assignment. `by_hand`: a person converts it."""

    beside: ClassVar[tuple[str, ...]] = ("score", "assignment")

    score: Given = {}
    assignment: Given = {}
    by_hand: bool = False
    expect: GateExpectation


class GateCases(RuleCases):
    """The document."""

    catalogue: ClassVar[FieldCatalogue] = CATALOGUE

    kind: Literal["gate-tests"]
    cases: Annotated[tuple[GateCase, ...], Field(min_length=1, max_length=MAX_CASES)]


@dataclass(slots=True)
class _Supposed:
    """What a case supposes, as the gate sees it."""

    lead: dict[str, Any]
    score: dict[str, Any] | None
    assignment: dict[str, Any] | None
    lead_version: int = 1
    score_version: int = 1
    assignment_version: int = 1
    origin: dict[str, Any] | None = None


def run_cases(loaded: LoadedRules[HandOffGate], cases: GateCases) -> list[Mismatch]:
    """What the gate does otherwise than the cases expect."""
    gate = compile_gate(loaded.model, {})
    wrong: list[Mismatch] = []
    for index, case in enumerate(cases.cases):
        missing = _missing(case, gate)
        stated = case.expect.stated()
        if "missing" in stated:
            stated["missing"] = sorted(stated["missing"])
        why = f"it lacks {', '.join(missing)}" if missing else "every criterion is met"
        wrong += compare_outcome(case, index, stated, {"opens": not missing, "missing": missing}, why)
    return wrong


def _missing(case: GateCase, gate: Gate) -> list[str]:
    """The ids of the criteria that are not met; what keeps a lead that the gate never sees, in words."""
    supposed = _Supposed(facts_given(case.lead), facts_given(case.score), facts_given(case.assignment))
    passage = judge(supposed, gate, identity_only=case.by_hand)
    if isinstance(passage, Open):
        return []
    ids = {criterion.name: criterion.id for criterion, _ in gate.criteria}
    return sorted(ids.get(name, name) for name in passage.missing)
