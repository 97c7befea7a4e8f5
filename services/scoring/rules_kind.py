"""The kind of rules that scoring applies, as `leadstream rules` checks and publishes it."""

from typing import Final

from services.scoring.domain.cases import ScoringCases, run_cases
from services.scoring.domain.model import KIND as _KIND
from services.scoring.domain.model import ScoringModel, load_scoring_model
from shared.rules import LoadedRules, RuleWarning

__all__ = ["CASES", "KIND", "MODEL", "SERVICE", "check", "load", "run_cases"]

KIND: Final = _KIND
SERVICE: Final = "scoring"
MODEL: Final = ScoringModel
CASES: Final = ScoringCases


def load(text: str | bytes, file: str) -> LoadedRules[ScoringModel]:
    """A document, checked. Raises RuleFileError with every problem, file, line and column."""
    return load_scoring_model(text, file)


def check(text: str | bytes, file: str) -> tuple[RuleWarning, ...]:
    """The warnings of a document. Raises RuleFileError."""
    return load(text, file).warnings
