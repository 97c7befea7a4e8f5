"""Segment rules, as `leadstream rules` checks and publishes them."""

from typing import Final

from services.scoring.segments.domain.cases import SegmentCases, run_cases
from services.scoring.segments.domain.model import KIND as _KIND
from services.scoring.segments.domain.model import SegmentRules, load_segment_rules
from shared.rules import LoadedRules, RuleWarning

__all__ = ["CASES", "KIND", "MODEL", "SERVICE", "check", "load", "run_cases"]

KIND: Final = _KIND
SERVICE: Final = "scoring"
MODEL: Final = SegmentRules
CASES: Final = SegmentCases


def load(text: str | bytes, file: str) -> LoadedRules[SegmentRules]:
    """A document, checked. Raises RuleFileError with every problem, file, line and column."""
    return load_segment_rules(text, file)


def check(text: str | bytes, file: str) -> tuple[RuleWarning, ...]:
    """The warnings of a document. Raises RuleFileError."""
    return load(text, file).warnings
