"""Form-encoded bodies to the shape of the JSON submission: everyday names, dotted or bracketed paths, typed values."""

import re
from typing import Any, Final
from urllib.parse import parse_qsl

from services.capture.domain.refusal import Refused, refuse

_TOUCH: Final = (
    "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "referrer", "landing_page", "ad_code",
    "gclid", "gclsrc", "gbraid", "wbraid", "dclid", "msclkid", "fbclid", "li_fat_id", "ttclid", "twclid", "ScCid",
    "rdt_cid", "epik",
)  # fmt: skip
# Field names of everyday forms and of Salesforce's web-to-lead; names that are not here keep their place.
_PLACES: Final[dict[str, tuple[str, ...]]] = {
    "company": ("company", "name"), "website": ("company", "website"), "url": ("company", "website"),
    "URL": ("company", "website"), "industry": ("company", "industry"), "employees": ("company", "employees"),
    "revenue": ("company", "annual_revenue"), "annual_revenue": ("company", "annual_revenue"),
    "address": ("address", "street"), "street": ("address", "street"), "city": ("address", "city"),
    "state": ("address", "state"), "zip": ("address", "postal_code"), "postal_code": ("address", "postal_code"),
    "country": ("address", "country"), "lead_source": ("source",), "description": ("message",), "mobile": ("phones",),
    "marketing_email": ("consent", "marketing_email"), "marketing_phone": ("consent", "marketing_phone"),
    **{name: ("touch", name) for name in _TOUCH},
}  # fmt: skip
_OBJECTS: Final = frozenset({"company", "address", "touch", "consent", "extra"})
_LISTS: Final = frozenset({"emails", "phones", "products"})
# A ticked box says no; an unticked box is not sent and says nothing.
_OPT_OUTS: Final = {"emailOptOut": "marketing_email", "doNotCall": "marketing_phone", "faxOptOut": "marketing_fax"}
_TRUE: Final = frozenset({"1", "true", "on", "yes"})
_FALSE: Final = frozenset({"0", "false", "off", "no"})
_PATH: Final = re.compile(r"([A-Za-z_]+)(?:\.([^.\[\]]+)|\[([^\[\]]+)\])")
_WHOLE: Final = re.compile(r"[0-9]{1,10}", re.ASCII)


def decode_form(raw: bytes, *, max_fields: int) -> dict[str, Any] | Refused:
    """The JSON shape of a form body. Blank fields are fields not given; a name sent twice becomes a list."""
    pairs = form_pairs(raw, max_fields=max_fields)
    if isinstance(pairs, Refused):
        return pairs
    document: dict[str, Any] = {}
    for name, value in pairs:
        _place(document, name, value)
    return document


def form_pairs(raw: bytes, *, max_fields: int) -> list[tuple[str, str]] | Refused:
    """The fields of a form body as they came, without the blank ones."""
    if raw.count(b"&") >= max_fields:
        return refuse("too_many_fields")
    try:
        return parse_qsl(raw.decode(), encoding="utf-8", errors="strict")
    except ValueError:
        return refuse("invalid_form")


def _place(document: dict[str, Any], name: str, value: str) -> None:
    """Put one pair where the JSON submission has it."""
    if name in _OPT_OUTS:
        if value.strip().lower() in _TRUE:
            document.setdefault("consent", {})[_OPT_OUTS[name]] = False
        return
    place = _place_of(name)
    holder = document
    if len(place) == 2:
        holder = document.setdefault(place[0], {})
    key = place[-1]
    _add(holder, key, _typed(place, value), as_list=len(place) == 1 and key in _LISTS)


def _place_of(name: str) -> tuple[str, ...]:
    if name in _PLACES:
        return _PLACES[name]
    name = name.removesuffix("[]")
    match = _PATH.fullmatch(name)
    if match and match[1] in _OBJECTS:
        return match[1], match[2] or match[3]
    # A bare name of an object with a text is not in the table only for consent, touch and extra: kept, but apart.
    return (f"{name}_text",) if name in _OBJECTS else (name,)


def _add(holder: dict[str, Any], key: str, value: Any, *, as_list: bool) -> None:
    if key not in holder:
        holder[key] = [value] if as_list else value
    elif isinstance(holder[key], list):
        holder[key].append(value)
    else:
        holder[key] = [holder[key], value]


def _typed(place: tuple[str, ...], value: str) -> Any:
    """Whole numbers and boxes as JSON has them; everything else stays text, and is judged like JSON text."""
    if place == ("company", "employees") and _WHOLE.fullmatch(value.strip()):
        return int(value)
    if place[0] == "consent" and len(place) == 2 and place[1].startswith("marketing_"):
        said = value.strip().lower()
        return True if said in _TRUE else False if said in _FALSE else value
    return value
