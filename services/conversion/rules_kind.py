"""The kind of rules that conversion applies, as `leadstream rules` checks and publishes it."""

from typing import Final

from services.conversion.domain.gate import KIND as _KIND
from services.conversion.domain.gate import HandOffGate, load_gate
from shared.rules import RuleWarning

KIND: Final = _KIND
SERVICE: Final = "conversion"
MODEL: Final = HandOffGate


def check(text: str | bytes, file: str) -> tuple[RuleWarning, ...]:
    """The warnings of a document. Raises RuleFileError with every problem, file and line."""
    return load_gate(text, file).warnings
