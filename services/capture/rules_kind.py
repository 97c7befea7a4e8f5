"""The kind of rules that capture applies, as `leadstream rules` checks and publishes it."""

from typing import Final

from services.capture.domain.validation import KIND as _KIND
from services.capture.domain.validation import ValidationRules, load_validation
from services.capture.domain.validation_cases import ValidationCases, run_cases
from shared.rules import LoadedRules

__all__ = ["CASES", "KIND", "MODEL", "SERVICE", "load", "run_cases"]

KIND: Final = _KIND
SERVICE: Final = "capture"
MODEL: Final = ValidationRules
CASES: Final = ValidationCases


def load(text: str | bytes, file: str) -> LoadedRules[ValidationRules]:
    """A document, checked. Raises RuleFileError with every problem, file, line and column."""
    return load_validation(text, file)
