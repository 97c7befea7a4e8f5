"""Where an input of a form, a file or a provider belongs in a lead: by what it is commonly called, typed as JSON has it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from pydantic_core import PydanticCustomError

from services.capture.domain.normalise.text import fold
from services.capture.domain.submission import CLICK_IDS, parse_money

EXTRA: Final = "extra"
MAPPING_KEY: Final = "mapping"
_MAX_NAME: Final = 120
_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")
_WHOLE: Final = re.compile(r"[0-9]{1,10}|[0-9]{1,3}(?:[ ,][0-9]{3})+", re.ASCII)
_YES: Final = frozenset({"1", "y", "yes", "true", "on", "x"})
_NO: Final = frozenset({"0", "n", "no", "false", "off"})

# field -> names of columns, folded to letters and digits.
SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "external_id": ("externalid", "id", "leadid", "prospectid", "recordid", "contactid"),
    "emails": ("email", "emailaddress", "mail", "email1", "email2", "email3", "workemail", "businessemail"),
    "phones": (
        "phone", "phonenumber", "telephone", "tel", "phone1", "phone2", "phone3", "mobile", "mobilephone", "cell",
        "cellphone", "workphone", "businessphone",
    ),
    "first_name": ("firstname", "first", "givenname", "forename", "fname"),
    "last_name": ("lastname", "last", "surname", "familyname", "lname"),
    "name": ("name", "fullname", "contactname", "leadname", "contact"),
    "title": ("title", "jobtitle", "position", "designation"),
    "company.name": ("company", "companyname", "organization", "organisation", "account", "accountname", "employer"),
    "company.website": ("website", "url", "companywebsite", "web", "homepage", "domain"),
    "company.industry": ("industry", "sector"),
    "company.employees": ("employees", "numberofemployees", "noofemployees", "headcount", "employeecount"),
    "company.annual_revenue": ("annualrevenue", "revenue", "turnover"),
    "address.street": ("street", "address", "address1", "streetaddress"),
    "address.city": ("city", "town"),
    "address.state": ("state", "province", "region", "stateprovince"),
    "address.postal_code": ("postalcode", "zip", "zipcode", "postcode", "zippostalcode"),
    "address.country": ("country", "countrycode"),
    "source": ("source", "leadsource", "channel"),
    "campaign": ("campaign", "campaignname"),
    "message": ("message", "notes", "note", "comments", "comment", "description", "inquiry", "enquiry"),
    "budget": ("budget",),
    "products": ("product", "products", "productinterest", "interestedin"),
    "touch.referrer": ("referrer", "referer"),
    "touch.landing_page": ("landingpage",),
    "touch.ad_code": ("adcode",),
    **{f"touch.{name}": (name.replace("_", "").lower(),) for name in (
        "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "gclsrc", *CLICK_IDS)},
    "consent.marketing_email": ("marketingemail", "emailoptin", "optin", "marketingconsent"),
    "consent.marketing_phone": ("marketingphone", "phoneoptin"),
    "refused.marketing_email": ("donotemail", "emailoptout", "unsubscribed", "hasoptedoutofemail"),
    "refused.marketing_phone": ("donotcall", "phoneoptout"),
}  # fmt: skip
_PLACES: Final = {name: place for place, names in SYNONYMS.items() for name in names}
LISTS: Final = frozenset({"emails", "phones", "products"})
_PARTS: Final = frozenset({"company", "address", "touch", "consent", "refused"})


class FieldMapping(NamedTuple):
    """Names of inputs to fields of a lead (`extra` keeps an input under its own name). `label` is kept on each lead."""

    label: str
    fields: Mapping[str, str]


def suggested_place(name: str) -> str | None:
    """The field that an input's name suggests, such as `emails` for `E-Mail Address`; None where it suggests none."""
    return name if name in SYNONYMS else _PLACES.get(_NOT_A_WORD.sub("", fold(name)))


def is_place(name: str) -> bool:
    """Whether a mapping may name this field."""
    return name == EXTRA or name in SYNONYMS


def document_of(inputs: Iterable[tuple[str, Any]], mapping: FieldMapping) -> dict[str, Any]:
    """The lead, as `POST /v1/leads` takes it, of a provider's inputs. An input that the mapping does not name goes by its
    name; one that nothing names, or that its field cannot take, is kept in `extra`."""
    document: dict[str, Any] = {EXTRA: {MAPPING_KEY: mapping.label}}
    extra = document[EXTRA]
    for name, value in inputs:
        if value is None or value == "" or value == []:
            continue
        place = mapping.fields.get(name) or suggested_place(name) or EXTRA
        if place == EXTRA or not _place(document, place, value):
            extra[_free(extra, name)] = value
    return document


def _place(document: dict[str, Any], place: str, value: Any) -> bool:
    """Put a value where it belongs; False for one that its field cannot take, and for a second one of a single field."""
    if isinstance(value, list):
        return place in LISTS and all(_place(document, place, each) for each in value)
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if not isinstance(value, str | int | float):
        return False
    part, _, key = place.partition(".")
    holder = document.get(part, {}) if key else document
    if place not in LISTS and (key or place) in holder:
        return False
    text = str(value).strip()
    return bool(text) and place_text(document, place, text)


def _free(extra: Mapping[str, Any], name: str) -> str:
    """The name under which an input is kept: longer where it is taken, never in place of another."""
    name = name[:_MAX_NAME]
    while name in extra:
        name += "_"
    return name


def place_text(document: dict[str, Any], place: str, text: str) -> bool:
    """Put a cell where it belongs; False when the field cannot take it."""
    value = _typed(place, text)
    if value is None:
        return False
    part, _, key = place.partition(".")
    if part not in _PARTS:
        if place in LISTS:
            document.setdefault(place, []).append(value)
        else:
            document[place] = value
        return True
    holder = document.setdefault("consent" if part == "refused" else part, {})
    if part != "refused" or value is False:
        holder[key] = value
    if not holder:
        del document["consent"]
    return True


def _typed(place: str, text: str) -> Any:
    """The cell as JSON has it; None when it cannot be. An opt-out that says no says nothing (True here)."""
    if place == "company.employees":
        return int(re.sub("[ ,]", "", text)) if _WHOLE.fullmatch(text) else None
    if place in ("company.annual_revenue", "budget"):
        return text if _is_money(text) else None
    if place.startswith(("consent.", "refused.")):
        said = True if text.lower() in _YES else False if text.lower() in _NO else None
        return said if said is None or place.startswith("consent.") else not said
    return text


def _is_money(text: str) -> bool:
    try:
        parse_money(text)
    except PydanticCustomError:
        return False
    return True
