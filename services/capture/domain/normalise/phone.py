"""Phone numbers: E.164 by phonenumbers; numbers in the plain international form skip the library's general parser.

A number is taken when its length is possible. Whether a range is assigned is not asked: the library's tables lag,
and a person must not lose an identity to that. Numbers that cannot be anybody's (0000000000) get no match key.
"""

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import PhoneMetadata, ValidationResult

from services.capture.domain.normalise.result import BLANK, Normalised
from services.capture.domain.normalise.text import clean_text

UNPARSEABLE: Final = Normalised(None, None, ("phone_unparseable",))
_PUNCTUATION: Final = str.maketrans("", "", " -.()")
_NANP: Final = re.compile(r"[2-9][0-9]{9}")
_NANP_REGIONS: Final = frozenset({"US", "CA"})
_E164: Final = re.compile(r"\+([1-9][0-9]{6,14})")
_DIGIT_RUNS: Final = "0123456789" * 3, "9876543210" * 3


def normalise_phone(raw: str, region: str | None = None) -> Normalised:
    """E.164 as value and match key; `region` (ISO alpha-2) reads national numbers. Extensions stay in the raw value.

    Warnings: `phone_unparseable` (no value), `phone_placeholder` (value without a match key).
    """
    text = clean_text(raw)
    if text is None:
        return BLANK
    e164 = _plain_number(text, region)
    if e164 is None:
        e164 = number_by_library(text, region)
    if e164 is None:
        return UNPARSEABLE
    if _is_placeholder(e164):
        return Normalised(e164, None, ("phone_placeholder",))
    return Normalised(e164, e164)


def _plain_number(text: str, region: str | None) -> str | None:
    """The library's answer for plain numbers; None sends the text to the library, and is no verdict."""
    if "(0" in text or len(text) > 40 or not text.isascii():
        return None
    compact = text.translate(_PUNCTUATION)
    if text[0] != "+":
        return f"+1{compact}" if region in _NANP_REGIONS and _NANP.fullmatch(compact) else None
    if _NANP.fullmatch(compact, 2) and compact[1] == "1":
        return compact
    return compact if _E164.fullmatch(compact) and _is_complete(compact[1:]) else None


def _is_complete(digits: str) -> bool:
    """The digits are a country code and a national number of possible length without a national prefix to strip."""
    for size in (1, 2, 3):
        plan = _numbering_plan(digits[:size])
        if plan is not None:
            lengths, national_prefix = plan
            rest = digits[size:]
            return len(rest) in lengths and rest[0] != "0" and national_prefix.match(rest) is None
    return False


@lru_cache(maxsize=2048)
def _numbering_plan(code: str) -> tuple[frozenset[int], re.Pattern[str]] | None:
    """Possible lengths and the national prefix of a country code; None where there is no such code."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code)) if code[0] != "0" else None
    if not regions:
        return None
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(int(code), regions[0])
    if metadata is None or metadata.general_desc is None:
        return None
    # "Z" never begins a run of digits: a plan without a national prefix has nothing to strip.
    return frozenset(metadata.general_desc.possible_length), re.compile(metadata.national_prefix_for_parsing or "Z")


@lru_cache(maxsize=8192)
def number_by_library(text: str, region: str | None) -> str | None:
    """phonenumbers' E.164 where the length is possible; else None. A leading 00 counts as + anywhere."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return number_by_library("+" + text[2:], None) if text[:2] == "00" else None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _is_placeholder(e164: str) -> bool:
    """One digit seven times at the end, or eight digits in a row up or down."""
    run = e164[-8:]
    return run[1:] == run[-1] * 7 or run in _DIGIT_RUNS[0] or run in _DIGIT_RUNS[1]
