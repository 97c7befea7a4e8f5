"""What scoring rules may ask about a lead, and a lead as the rules see it."""

from collections.abc import Mapping
from typing import Any, Final

from shared.rules import FieldCatalogue, FieldKind

_TEXTS: Final = (
    "email", "phone", "first_name", "last_name", "name", "title", "company.name", "company.name_key", "company.website",
    "company.domain", "company.industry", "company.annual_revenue.currency", "address.street", "address.city",
    "address.state", "address.postal_code", "address.country", "source", "source_detail", "source_raw", "campaign",
    "message", "budget.currency",
)  # fmt: skip
_NUMBERS: Final = ("company.employees", "company.annual_revenue.amount", "budget.amount", "touch_count")
_BOOLEANS: Final = ("email_free", "email_disposable")
_LISTS: Final = ("emails", "phones", "products", "external_ids", "warnings")


def _kinds() -> dict[str, FieldKind]:
    kinds: dict[str, FieldKind] = dict.fromkeys(_TEXTS, "text")
    kinds |= dict.fromkeys(_NUMBERS, "number")
    kinds |= dict.fromkeys(_BOOLEANS, "boolean")
    return kinds | dict.fromkeys(_LISTS, "list")


LEAD_FIELDS: Final = FieldCatalogue(
    _kinds(), open_prefixes=("extra.", "first_touch.", "last_touch.", "consent."),
)  # fmt: skip


def facts_of(lead: Mapping[str, Any]) -> Mapping[str, Any]:
    """The lead with its amounts as numbers, so that rules can compare them; currencies are not converted."""
    budget, company = lead.get("budget"), lead.get("company")
    revenue = company.get("annual_revenue") if type(company) is dict else None
    if type(budget) is not dict and type(revenue) is not dict:
        return lead
    facts = dict(lead)
    if type(budget) is dict:
        facts["budget"] = _with_number(budget)
    if type(revenue) is dict:
        facts["company"] = {**company, "annual_revenue": _with_number(revenue)}  # type: ignore[dict-item]
    return facts


def _with_number(money: dict[str, Any]) -> dict[str, Any]:
    amount = money.get("amount")
    try:
        return {**money, "amount": float(amount) if isinstance(amount, str) else amount}
    except ValueError:
        return {**money, "amount": None}
