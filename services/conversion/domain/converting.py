"""A lead becomes an account, a contact and an opportunity: the decision, without any of its effects."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from services.conversion.domain.announcing import converted_data
from services.conversion.domain.leads import LeadState, Parts, decoded, parts_of
from services.conversion.domain.mapping import (
    ACCOUNT,
    CONTACT,
    NEW_CONTACT,
    OPPORTUNITY,
    PERSON_ACCOUNT,
    fill_blanks,
    is_blank,
    person_name,
    tell,
)
from services.conversion.domain.matching import (
    PartyBook,
    account_keys,
    choose_account,
    choose_contact,
    company_domain,
    contact_keys,
    is_alone,
)
from services.conversion.domain.money import parse_amount
from services.conversion.domain.parties import Account, Contact, Conversion, Opportunity
from services.conversion.domain.pipeline import Pipeline
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
    parts: Parts = field(init=False)
    lead: dict[str, Any] = field(init=False)
    conversion_id: str = field(init=False)
    opportunity_id: str = field(init=False)
    contact_keys: list[str] = field(init=False)
    account_keys: list[str] = field(init=False)
    new_account_id: str = field(init=False)
    new_contact_id: str = field(init=False)

    def __post_init__(self) -> None:
        assert self.state.routed is not None
        self.parts = parts_of(self.state.routed)
        self.lead = decoded(self.parts.lead) or {}
        lead_id = self.state.lead_id
        self.conversion_id = conversion_id_of(lead_id)
        self.opportunity_id = self.state.opportunity_id or opportunity_id_of(lead_id)
        self.contact_keys = contact_keys(self.lead)
        self.account_keys = account_keys(self.lead, self.contact_keys)
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


def convert_all(wanted: Iterable[Wanted], book: PartyBook, pipeline: Pipeline, *, now: str) -> list[Converted]:
    """Convert one lead after the other, each into an opportunity in the pipeline's first stage; `book` learns the parties
    that were created or filled on the way, so that two leads of one company meet in one account."""
    return [_convert(one, book, pipeline, now) for one in wanted]


def _convert(one: Wanted, book: PartyBook, pipeline: Pipeline, now: str) -> Converted:
    told = _told(one)
    found = choose_contact(one.lead, one.contact_keys, book)
    account, account_fields = _settle_account(one, told, found, book)
    contact, contact_fields = _settle_contact(one, told, found, account, book)
    opportunity, opportunity_fields = _open_opportunity(one, told, account, contact, pipeline, now)
    event = converted_data(
        opportunity,
        one.parts,
        first_touch=one.lead.get("first_touch"),
        event_id=one.event_id,
        converted_at=now,
        account_created=account.id == one.new_account_id,
        contact_created=found is None,
        fields_mapped=account_fields + contact_fields + opportunity_fields,
        reason={"trigger": one.trigger, "met": one.met, "rules": one.rules},
    )
    return Converted(Conversion(one.conversion_id, one.event_id, event), opportunity)


def _told(one: Wanted) -> dict[str, Any]:
    """What the lead says, with its holder and the person's name, without a domain that is nobody's own."""
    lead, assignment = one.lead, decoded(one.parts.assignment) or {}
    told = tell(lead)
    for path, value in (
        ("company.domain", company_domain(lead)),
        ("owner", assignment.get("owner")),
        ("queue", assignment.get("queue")),
        ("name", person_name(lead)),
    ):
        if is_blank(value):
            told.pop(path, None)
        else:
            told[path] = value
    return told


def _settle_account(
    one: Wanted, told: dict[str, Any], contact: Contact | None, book: PartyBook
) -> tuple[Account, list[str]]:
    keys = one.account_keys
    account = choose_account(keys, contact, book)
    if account is None:
        account = book.accounts[one.new_account_id] = Account(one.new_account_id, {}, created=True)
    copied = fill_blanks(account.facts, told, PERSON_ACCOUNT if is_alone(keys) else ACCOUNT)
    if is_blank(account.facts.get("name")):
        account.facts["name"] = _name_without_company(told)
    account.changed = account.changed or bool(copied)
    book.give(keys, account)
    return account, copied


def _name_without_company(told: dict[str, Any]) -> str:
    return told.get("company.domain") or told.get("name") or "unnamed"


def _settle_contact(
    one: Wanted, told: dict[str, Any], contact: Contact | None, account: Account, book: PartyBook
) -> tuple[Contact, list[str]]:
    if contact is None:
        contact = Contact(one.new_contact_id, {}, created=True, account_id=account.id)
        book.contacts[contact.id] = contact
        copied = fill_blanks(contact.facts, told, NEW_CONTACT)
    else:
        copied = fill_blanks(contact.facts, told, CONTACT)
    contact.changed = contact.changed or bool(copied)
    book.give(one.contact_keys, contact)
    return contact, copied


def _sale(one: Wanted, told: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The opportunity's facts; the budget only where the request names no amount, and only if it is one."""
    facts: dict[str, Any] = {}
    copied = fill_blanks(facts, told, OPPORTUNITY)
    budget = parse_amount(facts.pop("amount", None))
    if budget is None or one.amount is not None:
        copied = [said for said in copied if said != _BUDGET_COPIED]
    facts["amount"] = budget if one.amount is None else one.amount
    facts["currency"] = one.currency or facts.get("currency")
    return facts, copied


def _open_opportunity(
    one: Wanted, told: dict[str, Any], account: Account, contact: Contact, pipeline: Pipeline, now: str
) -> tuple[Opportunity, list[str]]:
    facts, copied = _sale(one, told)
    opportunity = Opportunity(
        one.opportunity_id,
        one.conversion_id,
        one.state.lead_id,
        account.id,
        contact.id,
        name=facts.get("name") or account.facts["name"],
        stage=pipeline.first.name,
        probability=pipeline.first.probability,
        amount=facts.get("amount"),
        currency=facts.get("currency"),
        owner=facts.get("owner"),
        queue=facts.get("queue"),
        source=facts.get("source"),
        campaign=facts.get("campaign"),
        lines=[{"product": product, "quantity": 1, "amount": None} for product in facts.get("lines", ())],
        changed_at=now,
        pipeline=pipeline.rules,
    )
    return opportunity, copied
