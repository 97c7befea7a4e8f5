"""Normalisers: `normalise_*(raw) -> Normalised`. None raises on any text; a normalised value normalises to itself."""

from services.capture.domain.normalise.address import NormalisedAddress, normalise_address
from services.capture.domain.normalise.company import company_key, normalise_company, registrable_domain
from services.capture.domain.normalise.country import normalise_country
from services.capture.domain.normalise.email import Mailboxes, domain_of, mailboxes_of, normalise_email
from services.capture.domain.normalise.name import PersonName, normalise_name, split_name
from services.capture.domain.normalise.phone import normalise_phone
from services.capture.domain.normalise.result import Normalised
from services.capture.domain.normalise.text import clean_text, fold

__all__ = [
    "Normalised",
    "NormalisedAddress",
    "PersonName",
    "clean_text",
    "company_key",
    "domain_of",
    "fold",
    "Mailboxes",
    "mailboxes_of",
    "normalise_address",
    "normalise_company",
    "normalise_country",
    "normalise_email",
    "normalise_name",
    "normalise_phone",
    "registrable_domain",
    "split_name",
]
