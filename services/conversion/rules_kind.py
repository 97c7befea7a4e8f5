"""The kind of rules that conversion applies, as `leadstream rules` checks and publishes it."""

from typing import Final

from services.conversion.domain.cases import GateCases, run_cases
from services.conversion.domain.gate import KIND as _KIND
from services.conversion.domain.gate import HandOffGate, load_gate
from shared.rules import LoadedRules, RuleWarning

__all__ = ["CASES", "KIND", "MODEL", "SERVICE", "check", "load", "run_cases"]

KIND: Final = _KIND
SERVICE: Final = "conversion"
MODEL: Final = HandOffGate
CASES: Final = GateCases


def load(text: str | bytes, file: str) -> LoadedRules[HandOffGate]:
    """A document, checked. Raises RuleFileError with every problem, file, line and column."""
    return load_gate(text, file)


def check(text: str | bytes, file: str) -> tuple[RuleWarning, ...]:
    """The warnings of a document. Raises RuleFileError."""
    return load(text, file).warnings
