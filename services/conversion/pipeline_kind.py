"""The stages of opportunities, as `leadstream rules` checks and publishes them."""

from typing import Final

from services.conversion.domain.pipeline import KIND as _KIND
from services.conversion.domain.pipeline import PipelineRules, load_pipeline
from services.conversion.domain.pipeline_cases import PipelineCases, run_cases
from shared.rules import LoadedRules, RuleWarning

__all__ = ["CASES", "KIND", "MODEL", "SERVICE", "check", "load", "run_cases"]

KIND: Final = _KIND
SERVICE: Final = "conversion"
MODEL: Final = PipelineRules
CASES: Final = PipelineCases


def load(text: str | bytes, file: str) -> LoadedRules[PipelineRules]:
    """A document, checked. Raises RuleFileError with every problem, file, line and column."""
    return load_pipeline(text, file)


def check(text: str | bytes, file: str) -> tuple[RuleWarning, ...]:
    """The warnings of a document. Raises RuleFileError."""
    return load(text, file).warnings
