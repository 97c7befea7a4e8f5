"""What an unquoted word of a rule file means: only what looks the same to everybody.

`true` and `false` are booleans, `12`, `-3` and `0.5` numbers, `null`, `~` and nothing are nothing. All else is text:
`no` stays the country Norway, `012` and `1e3` stay text (and are then refused where a number is expected).
"""

import re

MAX_NUMBER_LENGTH = 15
NUMBER_HINT = "write plain digits such as 12, -3 or 0.5, without quotes"

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?", re.ASCII)
_NOT_A_NUMBER = re.compile(r"[-+]?\.inf|\.nan", re.IGNORECASE)
_WORDS: dict[str, bool | None] = {
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
}  # fmt: skip


class UnusableScalarError(ValueError):
    """The word cannot stand in a rule file; the text says what is expected instead."""


def read_plain_scalar(text: str) -> bool | int | float | str | None:
    """The value of an unquoted word. Raises UnusableScalarError for .nan, .inf and numbers longer than 15."""
    if text in _WORDS:
        return _WORDS[text]
    number = _NUMBER.fullmatch(text)
    if number is not None:
        return _read_number(text, is_decimal=number.group(1) is not None)
    if _NOT_A_NUMBER.fullmatch(text):
        raise UnusableScalarError("a finite number")
    return text


def _read_number(text: str, *, is_decimal: bool) -> int | float:
    if len(text) > MAX_NUMBER_LENGTH:
        raise UnusableScalarError(f"a number of at most {MAX_NUMBER_LENGTH} characters (or text in quotes)")
    return float(text) if is_decimal else int(text)
