"""What columns are commonly called, and the exports that are known by their headers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.capture.domain.normalise.text import fold
from services.capture.domain.placing import EXTRA, SYNONYMS

EXTRA_DATE: Final = "extra.date"
FULL_ADDRESS: Final = "address.full"
IGNORED: Final = "ignore"
_NOT_A_WORD: Final = re.compile(r"[^a-z0-9]+")

# What files add to the names that forms and providers use: numbered columns, other languages, other programs' words.
_FURTHER: Final[Mapping[str, tuple[str, ...]]] = {
    "external_id": ("uid",),
    "emails": ("email4", "email5"),
    "phones": ("phone4", "phone5", "mobilenumber", "telephonenumber"),
    "first_name": ("vorname",),
    "last_name": ("nachname",),
    "company.name": ("firma",),
    "company.website": ("webpage",),
    "company.industry": ("companyindustry",),
    "company.employees": ("companyemployees", "companysize"),
    "company.annual_revenue": ("companyannualrevenue", "companyrevenue"),
    "address.street": ("addressstreet", "strasse"),
    FULL_ADDRESS: ("fulladdress", "mailingaddress", "postaladdress", "completeaddress"),
    "address.city": ("addresscity", "stadt", "ort"),
    "address.state": ("addressstate",),
    "address.postal_code": ("addresspostalcode", "plz", "pincode"),
    "address.country": ("addresscountry", "land"),
    "consent.text": ("consenttext",),
    "consent.at": ("consentat", "consentdate", "optindate", "consenttime"),
    IGNORED: ("importrow", "importcode", "importfield", "importdetail", "importraw"),
}
# Fields that no column is commonly called after: a mapping names them, for a column or for a whole file.
_NAMED_ONLY: Final = ("state", "list.name", "list.vendor", "list.cost")
FIELDS: Final = frozenset({*SYNONYMS, *_FURTHER, *_NAMED_ONLY, EXTRA, EXTRA_DATE})
PLACES: Final = {name: place for table in (SYNONYMS, _FURTHER) for place, names in table.items() for name in names}
_DATES: Final = frozenset({"created", "createdat", "createdon", "createddate", "modified", "modifiedat", "updatedat"})


@dataclass(frozen=True, slots=True)
class KnownFormat:
    """An export of another program: the folded headers by which it is known, what its columns are, and what stands
    between several values of one cell."""

    name: str
    signs: frozenset[str]
    places: Mapping[str, str]
    separator: str | None = None


_OUTLOOK: Final = KnownFormat(
    "outlook",
    frozenset({"emailaddress", "businessstreet", "businessphone", "homephone", "mobilephone", "emaildisplayname"}),
    {
        "emailaddress": "emails", "email2address": "emails", "email3address": "emails",
        "businessphone": "phones", "mobilephone": "phones", "homephone": "phones", "businessphone2": "phones",
        "companymainphone": EXTRA, "jobtitle": "title", "company": "company.name", "webpage": "company.website",
        "businessstreet": "address.street", "businesscity": "address.city", "businessstate": "address.state",
        "businesspostalcode": "address.postal_code", "businesscountryregion": "address.country",
        "businesscountry": "address.country", "notes": "message", "title": EXTRA, "account": EXTRA,
    },
)  # fmt: skip
_GOOGLE: Final = KnownFormat(
    "google",
    frozenset({"email1value", "phone1value", "groupmembership", "labels", "organization1name", "organizationname"}),
    {
        **{f"email{n}value": "emails" for n in range(1, 6)}, **{f"phone{n}value": "phones" for n in range(1, 6)},
        "organization1name": "company.name", "organizationname": "company.name", "organization1title": "title",
        "organizationtitle": "title", "website1value": "company.website", "address1street": "address.street",
        "address1city": "address.city", "address1region": "address.state",
        "address1postalcode": "address.postal_code", "address1country": "address.country", "notes": "message",
        "address1formatted": EXTRA,
    },
    separator=":::",
)  # fmt: skip
KNOWN_FORMATS: Final = (_OUTLOOK, _GOOGLE)
_SIGNS_NEEDED: Final = 3


def folded(name: str) -> str:
    """A column's name as the tables here have it: letters and digits, lower case, no accents."""
    return _NOT_A_WORD.sub("", fold(name))


def known_format(header: Sequence[str]) -> KnownFormat | None:
    """The program whose export this is, when enough of its own columns are there."""
    names = {folded(name) for name in header}
    for known in KNOWN_FORMATS:
        if len(names & known.signs) >= _SIGNS_NEEDED or {"email1value", "email1label"} <= names & {
            *known.places, "email1label",
        }:  # fmt: skip
            return known
    return None


def sounds_like_a_date(name: str) -> bool:
    """Whether a column that goes to `extra` is of dates, by its folded name."""
    return name in _DATES or name.endswith("date") or name.startswith("date")
