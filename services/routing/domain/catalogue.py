"""What assignment rules may ask about: the lead's fields and its score."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from shared.rules import FieldCatalogue, FieldKind

_LEAD: Final[Mapping[str, FieldKind]] = MappingProxyType(
    {
        "email": "text",
        "emails": "list",
        "email_free": "boolean",
        "email_disposable": "boolean",
        "phone": "text",
        "phones": "list",
        "first_name": "text",
        "last_name": "text",
        "name": "text",
        "title": "text",
        "company.name": "text",
        "company.name_key": "text",
        "company.website": "text",
        "company.domain": "text",
        "company.industry": "text",
        "company.employees": "number",
        "company.annual_revenue.amount": "number",
        "company.annual_revenue.currency": "text",
        "address.street": "text",
        "address.city": "text",
        "address.state": "text",
        "address.postal_code": "text",
        "address.country": "text",
        "source": "text",
        "source_detail": "text",
        "source_raw": "text",
        "campaign": "text",
        "message": "text",
        "budget.amount": "number",
        "budget.currency": "text",
        "products": "list",
        "touch_count": "number",
        "external_ids": "list",
        "warnings": "list",
    }
)
_SCORE: Final[Mapping[str, FieldKind]] = MappingProxyType(
    {
        "score.value": "number",
        "score.fit": "number",
        "score.engagement": "number",
        "score.grade": "text",
        "score.temperature": "text",
    }
)
CATALOGUE: Final = FieldCatalogue(
    MappingProxyType({**_LEAD, **_SCORE}),
    open_prefixes=("extra.", "consent.", "first_touch.", "last_touch."),
)


def facts_of(lead: Mapping[str, Any], score: Mapping[str, Any]) -> dict[str, Any]:
    """The facts that a rule sees: the lead with `score` beside, its amounts as numbers; currencies are not converted."""
    facts = {**lead, "score": score}
    budget, company = lead.get("budget"), lead.get("company")
    if isinstance(budget, dict):
        facts["budget"] = _with_number(budget)
    if isinstance(company, dict) and isinstance(revenue := company.get("annual_revenue"), dict):
        facts["company"] = {**company, "annual_revenue": _with_number(revenue)}
    return facts


def _with_number(money: Mapping[str, Any]) -> dict[str, Any]:
    amount = money.get("amount")
    try:
        return {**money, "amount": float(amount) if isinstance(amount, str) else amount}
    except ValueError:
        return {**money, "amount": None}
