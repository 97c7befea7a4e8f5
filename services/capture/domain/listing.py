"""Lists: where a person stands who was bought, gathered or borrowed, and has not responded yet."""

from typing import Any, Final

from pydantic_core import PydanticCustomError

from services.capture.domain.normalise.text import clean_text
from services.capture.domain.submission import parse_money

TARGET: Final = "target"
STATES: Final = frozenset({TARGET, "lead"})

_LONGEST: Final = 256
_MOST_PARAMS: Final = 50


def clean_list(given: Any) -> dict[str, Any] | None:
    """A list's name, vendor, cost as [amount, currency] and parameters; None where what was sent names no list."""
    if not isinstance(given, dict) or (name := _text(given.get("name"))) is None:
        return None
    listed: dict[str, Any] = {"name": name}
    if (vendor := _text(given.get("vendor"))) is not None:
        listed["vendor"] = vendor
    if (cost := _cost(given.get("cost"))) is not None:
        listed["cost"] = cost
    params = given.get("params")
    if isinstance(params, dict) and (kept := _params(params)):
        listed["params"] = kept
    return listed


def _text(given: Any) -> str | None:
    return clean_text(given) if isinstance(given, str) and len(given) <= _LONGEST else None


def _cost(given: Any) -> list[str | None] | None:
    """What the whole list cost; None where that cannot be read."""
    try:
        amount, currency = parse_money(given)
    except PydanticCustomError:
        return None
    return [format(amount, "f"), currency]


def _params(given: dict[str, Any]) -> dict[str, str | int | float | bool]:
    """Plain values by name; others are left out."""
    plain = {name: value for name, value in given.items() if isinstance(value, str | int | float | bool)}
    return {name: value for name, value in list(plain.items())[:_MOST_PARAMS] if len(str(value)) <= _LONGEST}
