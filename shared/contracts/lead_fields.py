"""The published lead as rules see it: each field with its kind, read off the contract, and amounts as numbers."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin

from shared.contracts.base import Contract
from shared.contracts.events.lead import Lead, Money

LeadFieldKind: TypeAlias = Literal["text", "number", "boolean", "list"]
_Found: TypeAlias = tuple[str, LeadFieldKind | Literal["open"]]

# An id says nothing about a person, and `raw` is what normalisation replaced: no rule may hang on either.
_UNASKED: Final = frozenset({"lead_id", "raw"})
_KIND_OF: Final[Mapping[Any, LeadFieldKind | Literal["open"]]] = MappingProxyType(
    {str: "text", int: "number", bool: "boolean", list: "list", dict: "open"}
)


def _fields(model: type[Contract], prefix: str = "") -> Iterator[_Found]:
    """Paths of a model's fields with their kinds; `open` where any key may stand below."""
    for name, field in model.model_fields.items():
        path, kind = f"{prefix}{name}", _plain(field.annotation)
        if kind is Money:
            yield f"{path}.amount", "number"
            yield f"{path}.currency", "text"
        elif isinstance(kind, type) and issubclass(kind, Contract):
            yield from _fields(kind, f"{path}.")
        else:
            yield path, _KIND_OF[kind]


def _plain(annotation: Any) -> Any:
    """`X | None` as X, `list[X]` as list."""
    given = [part for part in get_args(annotation) if part is not type(None)]
    if type(None) in get_args(annotation):
        (annotation,) = given
    return get_origin(annotation) or annotation


_EVERY: Final = tuple((path, kind) for path, kind in _fields(Lead) if path not in _UNASKED)

LEAD_FIELDS: Final[Mapping[str, LeadFieldKind]] = MappingProxyType(
    {path: kind for path, kind in _EVERY if kind != "open"}
)
"""Every field that a rule may ask about, such as `company.employees`, and its kind."""

OPEN_PREFIXES: Final = tuple(f"{path}." for path, kind in _EVERY if kind == "open")
"""Below these anything may stand: `extra.`, `consent.`, the touches."""

WHOLES: Final = frozenset(path.rpartition(".")[0] for path in LEAD_FIELDS) | {path[:-1] for path in OPEN_PREFIXES}
"""Values of several parts, such as the address or the budget: no rule asks about one, and a rule may name it."""


STATE_OF_MOST: Final[Mapping[str, str]] = MappingProxyType({"state": "lead"})
"""What a lead is that does not say it: only targets do, and who was one."""


def facts_of(lead: Mapping[str, Any]) -> Mapping[str, Any]:
    """The lead with its amounts as numbers, so that rules can compare them; currencies are not converted.

    An amount that is no number is None. The lead itself is not changed, and given back where it holds no amount.
    """
    budget, company = lead.get("budget"), lead.get("company")
    revenue = company.get("annual_revenue") if isinstance(company, dict) else None
    if not isinstance(budget, dict) and not isinstance(revenue, dict):
        return lead
    facts = dict(lead)
    if isinstance(budget, dict):
        facts["budget"] = _with_number(budget)
    if isinstance(company, dict) and isinstance(revenue, dict):
        facts["company"] = {**company, "annual_revenue": _with_number(revenue)}
    return facts


def _with_number(money: Mapping[str, Any]) -> dict[str, Any]:
    amount = money.get("amount")
    try:
        return {**money, "amount": float(amount) if isinstance(amount, str) else amount}
    except ValueError:
        return {**money, "amount": None}
