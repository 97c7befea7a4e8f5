"""The kind of rules that routing applies, as `leadstream rules` checks and publishes it."""

from typing import Final

from services.routing.domain.rules import KIND as _KIND
from services.routing.domain.rules import AssignmentRules, load_assignment_rules
from shared.rules import RuleWarning

KIND: Final = _KIND
SERVICE: Final = "routing"
MODEL: Final = AssignmentRules


def check(text: str | bytes, file: str) -> tuple[RuleWarning, ...]:
    """The warnings of a document. Raises RuleFileError with file, line and what was expected."""
    return load_assignment_rules(text, file=file).warnings
