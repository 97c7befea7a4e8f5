"""A postal address in one line, taken apart where its form leaves no doubt."""

import re
from typing import Final

from services.capture.domain.normalise.country import normalise_country
from services.capture.domain.normalise.text import clean_text

_US: Final = re.compile(r"(?P<state>[A-Z]{2}|[A-Z][a-z]+(?: [A-Z][a-z]+)?)\s+(?P<code>[0-9]{5}(?:-[0-9]{4})?)")
_CANADA: Final = re.compile(r"(?P<state>[A-Z]{2})\s+(?P<code>[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9])")
_CODE_FIRST: Final = re.compile(r"(?:[A-Z]{1,2}-)?(?P<code>[0-9]{4,5}|[0-9]{3} [0-9]{2})\s+(?P<city>[^0-9,]+)")
_BRITISH: Final = re.compile(
    r"(?:(?P<city>[^0-9,]+?)\s+)?(?P<code>[A-Z]{1,2}[0-9][A-Z0-9]?\s?[0-9][A-Z]{2})", re.IGNORECASE
)
_CUT: Final = re.compile(r"\s*[,;\r\n]+\s*")
_NUMBER: Final = re.compile(r"[0-9]")


def parse_address_line(line: str) -> dict[str, str] | None:
    """The parts of an address, or None where its form is not one of those known: nothing is guessed.

    Known: `1 Main St, Springfield, IL 62701, US`, `12 High St, Leeds LS1 4AP, UK`, `Hauptstr. 5, 10115 Berlin, Germany`.
    The country may be missing.
    """
    text = clean_text(line)
    if text is None:
        return None
    pieces = [piece for piece in _CUT.split(line.strip()) if piece]
    country = _country(pieces[-1]) if len(pieces) > 1 else None
    if country is not None:
        pieces.pop()
    if len(pieces) < 2:
        return None
    found = _ending(pieces)
    if found is None or not found["street"] or not _NUMBER.search(found["street"]):
        return None
    return {**found, "country": country} if country else found


def _country(piece: str) -> str | None:
    return None if _NUMBER.search(piece) else normalise_country(piece).value


def _ending(pieces: list[str]) -> dict[str, str] | None:
    last, rest = pieces[-1], pieces[:-1]
    for form in (_US, _CANADA):
        if (match := form.fullmatch(last)) and len(rest) > 1:
            return _parts(rest[:-1], rest[-1], match["code"], match["state"])
    if match := _CODE_FIRST.fullmatch(last):
        return _parts(rest, match["city"], match["code"])
    if match := _BRITISH.fullmatch(last):
        if match["city"]:
            return _parts(rest, match["city"], match["code"].upper())
        return _parts(rest[:-1], rest[-1], match["code"].upper()) if len(rest) > 1 else None
    return None


def _parts(street: list[str], city: str, code: str, state: str | None = None) -> dict[str, str]:
    parts = {"street": ", ".join(street), "city": city.strip(), "postal_code": code}
    return {**parts, "state": state} if state else parts
