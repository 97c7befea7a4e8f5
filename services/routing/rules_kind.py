"""The kind of rules that routing applies, as `leadstream rules` checks and publishes it."""

from typing import Final

from services.routing.domain.cases import AssignmentCases, run_cases
from services.routing.domain.rules import KIND as _KIND
from services.routing.domain.rules import AssignmentRules, load_assignment_rules
from shared.rules import LoadedRules, RuleWarning

__all__ = ["CASES", "KIND", "MODEL", "SERVICE", "check", "load", "run_cases"]

KIND: Final = _KIND
SERVICE: Final = "routing"
MODEL: Final = AssignmentRules
CASES: Final = AssignmentCases


def load(text: str | bytes, file: str) -> LoadedRules[AssignmentRules]:
    """A document, checked. Raises RuleFileError with every problem, file, line and column."""
    return load_assignment_rules(text, file=file)


def check(text: str | bytes, file: str) -> tuple[RuleWarning, ...]:
    """The warnings of a document. Raises RuleFileError."""
    return load(text, file).warnings
