"""Names of people: kept as sent (NFC, ends trimmed); one full-name field is split by nameparser."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from nameparser import HumanName
from nameparser.config import CONSTANTS

from services.capture.domain.normalise.result import BLANK, Normalised
from services.capture.domain.normalise.text import clean_text, fold

_TWO_WORDS: Final = re.compile(r"([A-Z][a-z]{2,40}) ([A-Z][a-z]{2,40})")


class PersonName(NamedTuple):
    """Given names and family name; either may be missing."""

    first: str | None
    last: str | None


def normalise_name(raw: str) -> Normalised:
    """The name in NFC; the match key has neither case nor accents."""
    value = clean_text(raw)
    return BLANK if value is None else Normalised(value, fold(value) or None)


def split_name(full: str) -> PersonName:
    """Given and family name of a full name; titles and suffixes (Dr, III) are left out, the full name keeps them."""
    return _split_plain(full) or split_by_library(full)


def _split_plain(full: str) -> PersonName | None:
    """The library's answer for two capitalised words that have no other meaning in names; None is no verdict."""
    match = _TWO_WORDS.fullmatch(full)
    if match is None:
        return None
    first, last = match.groups()
    special = _special_words()
    if first.lower() in special or last.lower() in special:
        return None
    return PersonName(first, last)


@lru_cache(maxsize=8192)
def split_by_library(full: str) -> PersonName:
    """nameparser's split, middle names with the first."""
    parsed = HumanName(full)
    first = " ".join(part for part in (parsed.first, parsed.middle) if part)
    return PersonName(first or None, parsed.last or None)


@lru_cache(maxsize=1)
def _special_words() -> frozenset[str]:
    """Titles, suffixes, prefixes and conjunctions of the library's own tables."""
    words: set[str] = set()
    for table in (
        CONSTANTS.titles,
        CONSTANTS.first_name_titles,
        CONSTANTS.suffix_acronyms,
        CONSTANTS.suffix_not_acronyms,
        CONSTANTS.suffix_acronyms_ambiguous,
        CONSTANTS.prefixes,
        CONSTANTS.non_first_name_prefixes,
        CONSTANTS.bound_first_names,
        CONSTANTS.conjunctions,
    ):
        words.update(str(word).lower() for word in table)
    return frozenset(words)
