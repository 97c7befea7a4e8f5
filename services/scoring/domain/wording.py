"""Conditions in words, for people who ask why."""

from typing import Final

from shared.rules import ConditionVerdict

_SHOWN_VALUES: Final = 5
_SHOWN_LENGTH: Final = 80


def say_condition(verdict: ConditionVerdict) -> str:
    """A condition in words: `title contains VP`. It quotes the rule, never the lead."""
    wanted = verdict.expected
    if isinstance(wanted, tuple):
        more = f" and {len(wanted) - _SHOWN_VALUES} more" if len(wanted) > _SHOWN_VALUES else ""
        joined = " and " if verdict.operator == "between" else ", "
        shown = joined.join(map(str, wanted[:_SHOWN_VALUES])) + more
    else:
        shown = str(wanted).lower() if isinstance(wanted, bool) else str(wanted)
    short = shown if len(shown) <= _SHOWN_LENGTH else shown[: _SHOWN_LENGTH - 1] + "…"
    return f"{'not ' if verdict.negated else ''}{verdict.field} {verdict.operator} {short}"
