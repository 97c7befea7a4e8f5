"""Journeys, as `leadstream rules` checks and publishes them."""

from typing import Final

from services.scoring.journeys.domain.cases import JourneyCases, run_cases
from services.scoring.journeys.domain.model import KIND as _KIND
from services.scoring.journeys.domain.model import JourneyRules, load_journey_rules
from shared.rules import LoadedRules, RuleWarning

__all__ = ["CASES", "KIND", "MODEL", "SERVICE", "check", "load", "run_cases"]

KIND: Final = _KIND
SERVICE: Final = "scoring"
MODEL: Final = JourneyRules
CASES: Final = JourneyCases


def load(text: str | bytes, file: str) -> LoadedRules[JourneyRules]:
    """A document, checked. Raises RuleFileError with every problem, file, line and column."""
    return load_journey_rules(text, file)


def check(text: str | bytes, file: str) -> tuple[RuleWarning, ...]:
    """The warnings of a document. Raises RuleFileError."""
    return load(text, file).warnings
