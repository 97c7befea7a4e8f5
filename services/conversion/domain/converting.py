"""A lead becomes an account, a contact and an opportunity: the decision, without any of its effects."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from services.conversion.domain.announcing import converted_data
from services.conversion.domain.mapping import (
    ACCOUNT,
    CONTACT,
    NEW_CONTACT,
    OPPORTUNITY,
    PERSON_ACCOUNT,
    fill_blanks,
    is_blank,
    person_name,
)
from services.conversion.domain.matching import (
    PartyBook,
    account_keys,
    choose_account,
    choose_contact,
    company_domain,
    contact_keys,
)
from services.conversion.domain.money import parse_amount
from services.conversion.domain.parties import Account, Contact, Conversion, Key, LeadState, Opportunity
from services.conversion.domain.pipeline import FIRST
from shared.contracts import ids

_BUDGET_COPIED: Final = "lead.budget.amount -> opportunity.amount"


@dataclass(slots=True)
class Wanted:
    """A lead to convert, and why. `event_id` is the id of the `opportunity.converted` that will say so; `met` are the
    criteria that were met. A given amount and currency win over the lead's budget."""

    state: LeadState
    trigger: str
    event_id: str
    met: tuple[str, ...]
    rules: dict[str, Any]
    amount: Decimal | None = None
    currency: str | None = None
    conversion_id: str = field(init=False)
    opportunity_id: str = field(init=False)
    contact_keys: list[Key] = field(init=False)
    account_keys: list[Key] = field(init=False)
    new_account_id: str = field(init=False)
    new_contact_id: str = field(init=False)

    def __post_init__(self) -> None:
        lead_id = self.state.lead_id
        self.conversion_id = conversion_id_of(lead_id)
        self.opportunity_id = opportunity_id_of(lead_id)
        self.contact_keys = contact_keys(self.state.lead)
        self.account_keys = account_keys(self.state.lead)
        # Should this conversion create them.
        self.new_account_id = ids.derive(ids.CONVERSIONS, lead_id, "account")
        self.new_contact_id = ids.derive(ids.CONVERSIONS, lead_id, "contact")


@dataclass(slots=True)
class Converted:
    """What a conversion made."""

    conversion: Conversion
    opportunity: Opportunity


def conversion_id_of(lead_id: str) -> str:
    """A lead's conversion: always the same one."""
    return ids.derive(ids.CONVERSIONS, lead_id)


def opportunity_id_of(lead_id: str) -> str:
    """The opportunity that a lead's conversion makes."""
    return ids.derive(ids.CONVERSIONS, lead_id, "opportunity")


def convert_all(wanted: Iterable[Wanted], book: PartyBook, *, now: str) -> list[Converted]:
    """Convert one lead after the other; `book` learns the parties that were created or filled on the way, so that two
    leads of one company meet in one account."""
    return [_convert(one, book, now) for one in wanted]


def _convert(one: Wanted, book: PartyBook, now: str) -> Converted:
    source = _source(one.state)
    found = choose_contact(one.state.lead, one.contact_keys, book)
    account, account_fields = _settle_account(one, source, found, book)
    contact, contact_fields = _settle_contact(one, source, found, account, book)
    opportunity, opportunity_fields = _open_opportunity(one, source, account, contact, now)
    event = converted_data(
        opportunity,
        one.state,
        event_id=one.event_id,
        converted_at=now,
        account_created=account.id == one.new_account_id,
        contact_created=found is None,
        fields_mapped=account_fields + contact_fields + opportunity_fields,
        reason={"trigger": one.trigger, "met": one.met, "rules": one.rules},
    )
    conversion = Conversion(
        one.conversion_id,
        one.state.lead_id,
        account.id,
        contact.id,
        opportunity.opportunity_id,
        one.trigger,
        one.event_id,
        event,
    )
    return Converted(conversion, opportunity)


def _source(state: LeadState) -> dict[str, Any]:
    """The lead as mapping reads it: with its holder and the person's name, without a domain that is nobody's own."""
    lead, assignment = state.lead, state.assignment or {}
    return {
        **lead,
        "company": {**(lead.get("company") or {}), "domain": company_domain(lead)},
        "owner": assignment.get("owner"),
        "queue": assignment.get("queue"),
        "name": person_name(lead),
    }


def _settle_account(
    one: Wanted, source: dict[str, Any], contact: Contact | None, book: PartyBook
) -> tuple[Account, list[str]]:
    keys = one.account_keys
    account = choose_account(keys, contact, book)
    if account is None:
        account = book.accounts[one.new_account_id] = Account(one.new_account_id, {}, created=True)
    alone = not keys or keys[0][0] == "person"
    copied = fill_blanks(account.facts, source, PERSON_ACCOUNT if alone else ACCOUNT)
    if is_blank(account.facts.get("name")):
        account.facts["name"] = _name_without_company(source)
    account.changed = account.changed or bool(copied)
    book.give_account_keys(keys, account.id)
    return account, copied


def _name_without_company(source: dict[str, Any]) -> str:
    return source["company"]["domain"] or source["name"] or "unnamed"


def _settle_contact(
    one: Wanted, source: dict[str, Any], contact: Contact | None, account: Account, book: PartyBook
) -> tuple[Contact, list[str]]:
    if contact is None:
        contact = Contact(one.new_contact_id, {}, created=True, account_id=account.id)
        book.contacts[contact.id] = contact
        copied = fill_blanks(contact.facts, source, NEW_CONTACT)
    else:
        copied = fill_blanks(contact.facts, source, CONTACT)
    contact.changed = contact.changed or bool(copied)
    book.give_contact_keys(one.contact_keys, contact.id)
    return contact, copied


def _sale(one: Wanted, source: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The opportunity's facts; the budget only where the request names no amount, and only if it is one."""
    facts: dict[str, Any] = {}
    if one.amount is not None:
        source = {**source, "budget": {"currency": (source.get("budget") or {}).get("currency")}}
    copied = fill_blanks(facts, source, OPPORTUNITY)
    budget = parse_amount(facts.pop("amount", None))
    if budget is None:
        copied = [said for said in copied if said != _BUDGET_COPIED]
    facts["amount"] = budget if one.amount is None else one.amount
    facts["currency"] = one.currency or facts.get("currency")
    return facts, copied


def _open_opportunity(
    one: Wanted, source: dict[str, Any], account: Account, contact: Contact, now: str
) -> tuple[Opportunity, list[str]]:
    facts, copied = _sale(one, source)
    opportunity = Opportunity(
        one.opportunity_id,
        one.conversion_id,
        one.state.lead_id,
        account.id,
        contact.id,
        name=facts.get("name") or account.facts["name"],
        stage=FIRST.name,
        probability=FIRST.probability,
        amount=facts.get("amount"),
        currency=facts.get("currency"),
        owner=facts.get("owner"),
        queue=facts.get("queue"),
        source=facts.get("source"),
        campaign=facts.get("campaign"),
        lines=[{"product": product, "quantity": 1, "amount": None} for product in facts.get("lines", ())],
        changed_at=now,
    )
    return opportunity, copied
