"""Tests of validation rules as data: a lead as its submission makes it, and the rules that are expected not to hold.

kind: validation-tests
cases:
  - name: A webinar's guest without a company
    source: webinar
    lead: {email: ann@example.com}
    expect: {passes: false, missing: [company-of-the-webinar]}
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from services.capture.domain.validation import CATALOGUE, ValidationRules, compile_validation
from shared.rules import ABSENT, FieldCatalogue, LoadedRules, Text
from shared.rules.cases import (
    MAX_CASES,
    Expectation,
    Mismatch,
    RuleCase,
    RuleCases,
    compare_outcome,
    facts_given,
)


class ValidationExpectation(Expectation):
    """Whether the submission is taken, and what it lacks."""

    passes: bool = Field(default=ABSENT)
    missing: tuple[Text, ...] = Field(default=ABSENT)
    """Ids of the rules that do not hold: those and no others."""
    field: Text | None = Field(default=ABSENT)
    """The field that the rejection names."""


class ValidationCase(RuleCase):
    """A lead that one submission makes, of a source."""

    source: Text = "website"
    expect: ValidationExpectation


class ValidationCases(RuleCases):
    """The document."""

    catalogue: ClassVar[FieldCatalogue] = CATALOGUE

    kind: Literal["validation-tests"]
    cases: Annotated[tuple[ValidationCase, ...], Field(min_length=1, max_length=MAX_CASES)]


def run_cases(loaded: LoadedRules[ValidationRules], cases: ValidationCases) -> list[Mismatch]:
    """What the rules do otherwise than the cases expect."""
    validation = compile_validation(loaded.model, {})
    wrong: list[Mismatch] = []
    for index, case in enumerate(cases.cases):
        failed = validation.failed(facts_given(case.lead), case.source)
        missing = sorted(rule.id for rule in failed)
        found = {"passes": not failed, "missing": missing, "field": failed[0].field if failed else None}
        stated = case.expect.stated()
        if "missing" in stated:
            stated["missing"] = sorted(stated["missing"])
        why = f"it lacks {', '.join(missing)}" if missing else "every rule holds"
        wrong += compare_outcome(case, index, stated, found, why)
    return wrong
