"""Postal addresses: one value of five parts."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from services.capture.domain.normalise.country import normalise_country
from services.capture.domain.normalise.text import clean_text

PARTS: Final = ("street", "city", "state", "postal_code", "country")


class NormalisedAddress(NamedTuple):
    """The given parts, the originals of parts that changed, and warnings. `parts` is empty for a blank address."""

    parts: dict[str, str]
    raw: dict[str, str]
    warnings: tuple[str, ...]


def normalise_address(given: Mapping[str, Any]) -> NormalisedAddress:
    """Parts trimmed and composed, the country as ISO alpha-2; an unknown country is left out, with a warning."""
    parts: dict[str, str] = {}
    raw: dict[str, str] = {}
    warnings: tuple[str, ...] = ()
    for part in PARTS:
        sent = given.get(part)
        if not sent:
            continue
        if part == "country":
            value, _, warnings = normalise_country(sent)
        else:
            value = clean_text(sent)
        if value:
            parts[part] = value
        if value != sent and not sent.isspace():
            raw[part] = sent
    return NormalisedAddress(parts, raw, warnings)
