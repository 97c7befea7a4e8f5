"""The fields of the published lead, as rules ask for them, are those of the contract."""

from typing import Any

import pytest

from services.conversion.domain.gate import CATALOGUE as GATE
from services.routing.domain.catalogue import CATALOGUE as ASSIGNMENT
from shared.contracts.lead_fields import LEAD_FIELDS, OPEN_PREFIXES, facts_of


def test_kinds_are_read_off_the_contract() -> None:
    asked = ("company.name_key", "company.employees", "budget.amount", "budget.currency", "email_free", "products")
    assert [LEAD_FIELDS[name] for name in asked] == ["text", "number", "number", "text", "boolean", "list"]
    assert set(OPEN_PREFIXES) == {
        "extra.",
        "consent.",
        "first_touch.",
        "last_touch.",
        "contactable.reasons.",
        "list.params.",
    }


@pytest.mark.parametrize("name", ["lead_id", "raw", "raw.email", "company", "budget", "extra"])
def test_what_no_rule_may_hang_on_is_no_field(name: str) -> None:
    assert name not in LEAD_FIELDS
    assert ASSIGNMENT.kind(name) is None


def test_every_kind_of_rules_asks_for_the_whole_lead() -> None:
    assert LEAD_FIELDS.items() <= ASSIGNMENT.fields.items()
    assert LEAD_FIELDS.items() <= GATE.fields.items()


@pytest.mark.parametrize(("amount", "number"), [("1200.50", 1200.5), ("a lot", None), (None, None), (7, 7), ("", None)])
def test_amounts_are_numbers(amount: Any, number: float | None) -> None:
    money = {"amount": amount, "currency": "EUR"}
    lead = {"budget": money, "company": {"name": "Acme", "annual_revenue": money}}
    read = {"amount": number, "currency": "EUR"}
    assert facts_of(lead) == {"budget": read, "company": {"name": "Acme", "annual_revenue": read}}
    assert lead["budget"] is money and money["amount"] == amount


@pytest.mark.parametrize("lead", [{}, {"budget": None, "company": None}, {"budget": "much", "company": ["x"]}])
def test_a_lead_without_amounts_is_given_back_as_it_is(lead: dict[str, Any]) -> None:
    assert facts_of(lead) is lead
