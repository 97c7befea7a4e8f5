"""Which part of a lead is a fact that may be kept, and which part is personal and goes when the person asks.

A field that is not named here counts as personal: what a later version adds is erasable until someone decides.
"""

from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"

_LEAD: Final = frozenset(
    {
        "lead_id", "email_free", "email_disposable", "source", "source_detail", "campaign", "budget",
        "products", "touch_count", "warnings", "state", "contactable", "stale_fields", "list",
    }
)  # fmt: skip
_NESTED: Final[dict[str, frozenset[str]]] = {
    "company": frozenset({"industry", "employees", "annual_revenue"}),
    "address": frozenset({"country", "state"}),
    "first_touch": frozenset(
        {"at", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "channel", "source"}
    ),
    "consent": frozenset({"marketing_email", "marketing_phone", "at"}),
}
_NESTED["last_touch"] = _NESTED["first_touch"]


def split_lead(lead: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(facts, personal) of a lead; empty values are left out of both. `join_lead` puts them together again."""
    facts: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    for name, value in lead.items():
        if value is None or value == [] or value == {}:
            continue
        if name in _LEAD:
            facts[name] = value
        elif (kept := _NESTED.get(name)) is not None and isinstance(value, dict):
            _split(name, value, kept, facts, personal)
        else:
            personal[name] = value
    return facts, personal


def _split(
    name: str, value: Mapping[str, Any], kept: frozenset[str], facts: dict[str, Any], personal: dict[str, Any]
) -> None:
    for key, part in value.items():
        if part is not None:
            (facts if key in kept else personal).setdefault(name, {})[key] = part


def join_lead(facts: Mapping[str, Any], personal: Mapping[str, Any]) -> dict[str, Any]:
    """A lead of its two parts."""
    joined = dict(facts)
    for name, value in personal.items():
        held = joined.get(name)
        joined[name] = {**held, **value} if isinstance(held, dict) and isinstance(value, dict) else value
    return joined


def mask(value: Any) -> Any:
    """The same shape without a value in it, for roles that may not see personal data."""
    if isinstance(value, Mapping):
        return {name: mask(part) for name, part in value.items()}
    if isinstance(value, list):
        return [MASK] if value else []
    return MASK


def without_words(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts of a lead that was erased, without what people wrote about it: why they gave it to somebody."""
    assignment = facts.get("assignment")
    if isinstance(assignment, dict) and assignment.get("strategy") == "manual":
        return {**facts, "assignment": {**assignment, "reason": ""}}
    return facts


def facts_of_touch(touch: Any) -> dict[str, Any] | None:
    """The part of a touch that is no personal data."""
    if not isinstance(touch, dict):
        return None
    return {name: value for name, value in touch.items() if name in _NESTED["first_touch"]} or None
