"""Base model of every rule document and the values that may stand in it, checked without coercion.

`expected(...)` is how validators of a document say what they wanted; the author sees it with file and line.
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

MAX_TEXT_LENGTH = 1000
MAX_LISTED_VALUES = 10_000
# The default of keys declared with types that exclude null: a written null is refused, an absent key is fine.
ABSENT: Any = None
QUOTE_HINT = "numbers are written plainly, such as 12 or 0.5, without quotes"


class RuleModel(BaseModel):
    """Frozen, refuses unknown keys and non-finite numbers. Documents are validated strictly, so nothing is coerced."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True, serialize_by_alias=True
    )


def expected(what: str, *, hint: str | None = None) -> PydanticCustomError:
    """An error for validators: `raise expected("bands without a gap", hint="...")`. Never put a value into it."""
    return PydanticCustomError("expected", "{what}", {"what": what, "hint": hint})


def _require_number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise expected("a number", hint=QUOTE_HINT if isinstance(value, str) else None)
    return value


def _require_text(value: Any) -> Any:
    if not isinstance(value, str):
        raise expected("text", hint="put it in quotes" if isinstance(value, bool | int | float) else None)
    if not 0 < len(value) <= MAX_TEXT_LENGTH:
        raise expected(f"text of 1 to {MAX_TEXT_LENGTH} characters")
    return value


def _require_scalar(value: Any) -> Any:
    if not isinstance(value, str | bool | int | float):
        raise expected("text, a number, true or false")
    return _require_text(value) if isinstance(value, str) else value


Number = Annotated[int | float, BeforeValidator(_require_number)]
Text = Annotated[str, BeforeValidator(_require_text), Field(min_length=1, max_length=MAX_TEXT_LENGTH)]
Scalar = Annotated[bool | int | float | str, BeforeValidator(_require_scalar)]
Scalars = Annotated[tuple[Scalar, ...], Field(min_length=1, max_length=MAX_LISTED_VALUES)]
