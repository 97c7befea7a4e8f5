"""Words that nobody writes: cheap signs that can be shown to a person, blind to every script but Latin."""

import re
from typing import Final

_LONG: Final = 9
_WORD: Final = re.compile(rf"[A-Za-z]{{{_LONG},}}")
# `tqlWBXkRuNPZvbO`: capitals in the middle, again and again. McDonald has one, DeLaCruz two.
_CAPITALS: Final = re.compile(r"[a-z][A-Z]")
_CAPITALS_AT: Final = 3
# y is a vowel here; Knightsbridge has six in a row, Schwarzschild five.
_CONSONANTS: Final = re.compile(r"[bcdfghjklmnpqrstvwxz]{7}", re.IGNORECASE)
_SHARE: Final = 0.5


def is_gibberish(text: str) -> bool:
    """Whether at least half of the words are made of letters at random. Texts with other scripts or accents never are."""
    if len(text) < _LONG or not text.isascii():
        return False
    words = _WORD.findall(text)
    if not words:
        return False
    odd = sum(_is_odd(word) for word in words)
    return odd > 0 and odd >= _SHARE * len(text.split())


def _is_odd(word: str) -> bool:
    return _CONSONANTS.search(word) is not None or len(_CAPITALS.findall(word)) >= _CAPITALS_AT
