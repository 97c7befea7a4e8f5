"""Countries to ISO 3166-1 alpha-2, by pycountry's exact lookup and a table of everyday names; never fuzzy."""

from functools import lru_cache
from typing import Final

import pycountry

from services.capture.domain.normalise.result import BLANK, Normalised
from services.capture.domain.normalise.text import clean_text, fold

UNKNOWN: Final = Normalised(None, None, ("country_unknown",))

_ALIASES: Final = {
    "uk": "GB", "u.k.": "GB", "great britain": "GB", "britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
    "northern ireland": "GB", "u.s.": "US", "u.s.a.": "US", "america": "US", "united states america": "US",
    "the united states": "US", "russia": "RU", "south korea": "KR", "korea": "KR", "republic of korea": "KR",
    "north korea": "KP", "iran": "IR", "syria": "SY", "venezuela": "VE", "bolivia": "BO", "tanzania": "TZ",
    "vietnam": "VN", "laos": "LA", "moldova": "MD", "brunei": "BN", "czech republic": "CZ", "macedonia": "MK",
    "ivory coast": "CI", "cape verde": "CV", "swaziland": "SZ", "burma": "MM", "palestine": "PS", "taiwan": "TW",
    "macau": "MO", "holland": "NL", "the netherlands": "NL", "turkey": "TR", "turkiye": "TR", "uae": "AE",
    "emirates": "AE", "micronesia": "FM", "vatican": "VA", "kosovo": "XK", "xk": "XK", "el": "GR", "congo": "CG",
    "dr congo": "CD", "drc": "CD", "east timor": "TL", "ksa": "SA", "prc": "CN", "mainland china": "CN",
    "deutschland": "DE", "osterreich": "AT", "schweiz": "CH", "suisse": "CH", "svizzera": "CH", "espana": "ES",
    "italia": "IT", "brasil": "BR", "nederland": "NL", "belgie": "BE", "belgique": "BE", "polska": "PL",
    "sverige": "SE", "norge": "NO", "danmark": "DK", "suomi": "FI", "ceska republika": "CZ", "magyarorszag": "HU",
    "republic of ireland": "IE", "eire": "IE", "hellas": "GR", "rossiya": "RU", "nippon": "JP", "bharat": "IN",
}  # fmt: skip


def normalise_country(raw: str) -> Normalised:
    """ISO alpha-2 as value and match key; warning `country_unknown` when there is no such country."""
    text = clean_text(raw)
    if text is None:
        return BLANK
    return _lookup(text)


@lru_cache(maxsize=4096)
def _lookup(text: str) -> Normalised:
    code = _ALIASES.get(fold(text)) or _by_library(" ".join(text.split()))
    return UNKNOWN if code is None else Normalised(code, code)


def _by_library(text: str) -> str | None:
    try:
        return str(pycountry.countries.lookup(text).alpha_2)
    except LookupError:
        return None
