"""The pure decisions of a conversion: stages, changes, mapping, matching; and bytes that keep the contract."""

from decimal import Decimal
from typing import Any

import orjson
import pytest

from services.conversion.domain.changing import Unchangeable, apply_change, named_changes
from services.conversion.domain.converting import Converted, Wanted, convert_all, opportunity_id_of
from services.conversion.domain.mapping import ACCOUNT, CONTACT, fill_blanks, tell
from services.conversion.domain.matching import PartyBook, account_keys, contact_keys
from services.conversion.domain.parties import Account, Contact, Opportunity
from services.conversion.domain.pipeline import UNNAMED
from shared.contracts.events.conversion import OpportunityConverted
from shared.contracts.events.routing import LeadRouted
from tests.support.conversion import lead, lead_id, routed, state

NOW = "2026-01-05T10:00:00Z"


def wanted(n: int, *, owner: str | None = "ann", **facts: Any) -> Wanted:
    return Wanted(
        state(n, owner=owner, **facts), "gate", opportunity_id_of(lead_id(n)), ("a name",), {"kind": "gate"} | _used()
    )


def _used() -> dict[str, Any]:
    return {"name": "default", "version": 1, "content_hash": "00"}


def data_of(converted: Converted) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(converted.conversion.event)
    return found


def test_the_sample_of_these_tests_is_what_routing_publishes() -> None:
    LeadRouted.model_validate_json(routed(1), strict=True)


@pytest.mark.parametrize("owner", ["ann", None])
def test_what_is_published_keeps_the_contract(owner: str | None) -> None:
    samples: tuple[dict[str, Any], ...] = (
        {},
        {"budget": None, "products": [], "company": {}},
        {"address": None, "emails": [], "email": None},
    )
    for facts in samples:
        (converted,) = convert_all([wanted(1, owner=owner, **facts)], PartyBook(), UNNAMED, now=NOW)
        data = OpportunityConverted.model_validate_json(converted.conversion.event, strict=True)
        assert set(orjson.loads(converted.conversion.event)) == set(OpportunityConverted.model_fields)
        assert (data.owner, data.queue) == (owner, None if owner else "sales")
        assert data.lead_snapshot == lead(1, **facts)


def opportunity(**given: Any) -> Opportunity:
    fields = {"stage": "Prospecting", "probability": 35, "amount": Decimal("1.50"), **given}
    return Opportunity("o", "c", "l", "a", "p", "Deal", **fields)


def test_a_stage_that_stays_keeps_the_probability_that_was_given() -> None:
    nothing = {"amount": None, "currency": None, "owner": None}
    kept = apply_change(opportunity(), UNNAMED, stage="prospecting", **nothing)
    assert isinstance(kept, Opportunity) and kept.probability == 35
    moved = apply_change(opportunity(), UNNAMED, stage="Qualification", **nothing)
    assert isinstance(moved, Opportunity) and moved.probability == 20


def test_equal_values_are_no_change() -> None:
    same = apply_change(opportunity(), UNNAMED, stage=None, amount="1.5", currency=None, owner=None)
    assert isinstance(same, Opportunity) and named_changes(opportunity(), same) == ""
    refused = apply_change(opportunity(), UNNAMED, stage=None, amount="1e3000000", currency=None, owner=None)
    assert isinstance(refused, Unchangeable)


def test_an_address_is_taken_whole_or_not_at_all() -> None:
    facts: dict[str, Any] = {"billing_address": {"street": None, "city": "Here"}, "name": "Kept"}
    source = {"address": {"street": "There 1", "city": "There"}, "company": {"name": "Other", "industry": "steel"}}
    assert fill_blanks(facts, tell(source), ACCOUNT) == ["lead.company.industry -> account.industry"]
    assert facts == {"billing_address": {"street": None, "city": "Here"}, "name": "Kept", "industry": "steel"}
    blank: dict[str, Any] = {"billing_address": {"street": None, "city": ""}}
    fill_blanks(blank, tell(source), ACCOUNT)
    assert blank["billing_address"]["street"] == "There 1"


def test_zero_and_false_are_no_blanks() -> None:
    facts: dict[str, Any] = {"employees": 0}
    assert fill_blanks(facts, tell({"company": {"employees": 9}}), ACCOUNT) == []
    assert fill_blanks({}, tell({"title": 0}), CONTACT) == ["lead.title -> contact.title"]


def test_consent_is_not_changed_on_a_contact_that_exists() -> None:
    book = PartyBook(
        accounts={"a": Account("a", {"name": "Old"})},
        holders={f"email:{lead(1)['email']}": "c"},
        contacts={"c": Contact("c", {"first_name": "Old"}, account_id="a")},
    )
    (converted,) = convert_all([wanted(1)], book, UNNAMED, now=NOW)
    assert book.contacts["c"].facts.get("consent") is None
    assert not data_of(converted)["contact_created"]
    assert book.contacts["c"].account_id == "a"  # a contact is never moved


@pytest.mark.parametrize(
    ("company", "keys"),
    [
        ({"domain": "acme.example", "name_key": "acme"}, ["domain:acme.example", "name:acme"]),
        ({"domain": "gmail.com", "name": "ACME "}, ["name:acme"]),
        ({"domain": "linkedin.com"}, ["person:person1@company1.example"]),
        (None, ["person:person1@company1.example"]),
    ],
)
def test_account_keys(company: Any, keys: list[str]) -> None:
    whole = lead(1, company=company)
    assert account_keys(whole, contact_keys(whole)) == keys


def test_one_name_and_two_domains_are_two_companies() -> None:
    same = {"name": "Delta", "name_key": "delta"}
    leads = [wanted(n, company={**same, "domain": f"delta{n}.example"}) for n in (1, 2)] + [wanted(3, company=same)]
    ids = [one.opportunity.account_id for one in convert_all(leads, PartyBook(), UNNAMED, now=NOW)]
    assert ids[0] != ids[1] and ids[2] == ids[0]  # the oldest holds the name


def test_an_account_without_a_domain_adopts_it() -> None:
    same = {"name": "Delta", "name_key": "delta"}
    book = PartyBook()
    leads = [wanted(1, company=same), wanted(2, company={**same, "domain": "delta.example"})]
    ids = [one.opportunity.account_id for one in convert_all(leads, book, UNNAMED, now=NOW)]
    assert ids[0] == ids[1] == book.holders["domain:delta.example"]
    assert book.accounts[ids[0]].facts["domain"] == "delta.example"


def test_a_person_without_a_company_joins_the_account_that_is_known() -> None:
    book = PartyBook()
    again = {name: lead(1)[name] for name in ("email", "emails")}
    leads = [wanted(1), wanted(2, company=None, **again)]
    first, second = convert_all(leads, book, UNNAMED, now=NOW)
    assert second.opportunity.account_id == first.opportunity.account_id
    assert second.opportunity.contact_id == first.opportunity.contact_id


def test_a_budget_that_is_no_amount_is_not_carried() -> None:
    (converted,) = convert_all([wanted(1, budget={"amount": "much", "currency": "USD"})], PartyBook(), UNNAMED, now=NOW)
    data = data_of(converted)
    assert data["amount"] is None and data["currency"] == "USD"
    assert "lead.budget.amount -> opportunity.amount" not in data["fields_mapped"]
