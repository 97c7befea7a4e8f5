"""Lists of people: which records came on one, whose first list it was, and what became of those people."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal, NamedTuple

import orjson

from services.reporting.domain.extract import UNREADABLE, lead_id_of, plain_text, version_of
from services.reporting.domain.leads import StoredEvent
from shared.contracts.commands.capture import LIST_HEADER

ByOfLists = Literal["list", "vendor"]
ROW_COUNTS: Final = ("rows", "new", "merged", "rejected", "quarantined")
PEOPLE_COUNTS: Final = ("leads", "bounced", "verified", "converted")
_COUNTS: Final = (*ROW_COUNTS, *PEOPLE_COUNTS)
COLUMNS: Final = (
    "vendor", *ROW_COUNTS, "leads", "bounced_percent", "verified_percent", "converted", "converted_percent", "cost",
    "cost_per_lead", "cost_per_conversion", "won",
)  # fmt: skip
_LIST: Final = b'"list":'
_WON: Final = 100
_UNDELIVERABLE: Final = ("bounced", "invalid_email")
_REACHED: Final = frozenset({"email", "phone"})
_CENT: Final = Decimal("0.01")
Amounts = Mapping[str, Decimal]
"""Amounts by currency; of an unnamed one, the empty text."""


class ListName(NamedTuple):
    """A list and whom it is from; an empty vendor is nobody in particular."""

    name: str
    vendor: str


class Listing(NamedTuple):
    """What an event says of a lead's list. `list_name` None: of none; that is told by merges only."""

    lead_id: str
    lead_version: int
    list_name: str | None
    vendor: str | None
    bounced: bool
    verified: bool
    cost: tuple[str, Decimal] | None


def list_of_record(headers: Sequence[tuple[str, bytes | None]], value: bytes | None) -> ListName | None:
    """The list that an inbound record came on: as its import says, else as the submission itself does. None for nearly
    all, which are not read."""
    try:
        for name, told in headers:
            if name == LIST_HEADER:
                return _name_of(orjson.loads(told or b""))
        return _name_of(orjson.loads(value)["list"]) if value and _LIST in value else None
    except UNREADABLE:
        return None


def listing_said(event_type: str, value: bytes) -> Listing | None:
    """What an event says of a lead's list; None for nearly all, which are not read."""
    is_merge = event_type in ("lead.merged", "lead.unmerged")
    if not is_merge and _LIST not in value:
        return None
    try:
        event = orjson.loads(value)
        lead = event["lead"]
        of = _name_of(lead.get("list"))
        if of is None and not is_merge:
            return None
        name, vendor = of or (None, None)
        reasons = (lead.get("contactable") or {}).get("reasons") or {}
        confirmed = (event.get("details") or {}).get("confirmed") or ()
        return Listing(
            lead_id_of(lead["lead_id"]),
            version_of(event["lead_version"]),
            name,
            vendor,
            reasons.get("email") in _UNDELIVERABLE,
            not _REACHED.isdisjoint(confirmed),
            _cost(lead.get("list")) if of is not None else None,
        )
    except UNREADABLE:
        return None


def newest_listings(said: Iterable[Listing]) -> list[Listing]:
    """Of each lead the newest, in the order of ids. Whoever was verified once has been."""
    newest: dict[str, Listing] = {}
    for one in said:
        held = newest.get(one.lead_id, one)
        stands = one if one.lead_version >= held.lead_version else held
        newest[one.lead_id] = stands._replace(verified=one.verified or held.verified)
    return [newest[lead_id] for lead_id in sorted(newest)]


def won_of(events: Sequence[StoredEvent]) -> dict[str, Decimal]:
    """What a lead's opportunities brought that stand as won, by currency."""
    opportunities: dict[str, dict[str, Any]] = defaultdict(dict)
    for event in sorted(
        events, key=lambda e: (e.type != "opportunity.converted", e.facts.get("opportunity_version") or 0)
    ):
        if event.type in ("opportunity.converted", "opportunity.changed") and event.facts.get("opportunity_id"):
            told = {name: event.facts.get(name) for name in ("probability", "amount", "currency")}
            known = opportunities[str(event.facts["opportunity_id"])]
            known.update({name: value for name, value in told.items() if value is not None})
    won: dict[str, Decimal] = defaultdict(Decimal)
    for known in opportunities.values():
        if known.get("probability") == _WON and (amount := _decimal(known.get("amount"))) is not None:
            won[str(known.get("currency") or "")] += amount
    return dict(won)


@dataclass(slots=True)
class _Group:
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTS, 0))
    cost: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    won: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


def list_table(
    by: ByOfLists,
    counts: Iterable[tuple[ListName, Mapping[str, int]]],
    costs: Iterable[tuple[ListName, Amounts]],
    won: Iterable[tuple[ListName, Amounts]],
) -> list[dict[str, Any]]:
    """A row a list or a vendor. Rows are counted by the list that they came on, people by their first list."""
    groups: dict[tuple[str, str], _Group] = defaultdict(_Group)
    for of, counted in counts:
        group = groups[_key(by, of)]
        for name, count in counted.items():
            group.counts[name] += count
    for of, amounts in costs:
        _add(groups[_key(by, of)].cost, amounts)
    for of, amounts in won:
        _add(groups[_key(by, of)].won, amounts)
    return [_row(by, key, groups[key]) for key in sorted(groups)]


def columns_of(by: ByOfLists) -> list[str]:
    """The columns of the table."""
    return ["list", *COLUMNS] if by == "list" else list(COLUMNS)


def _key(by: ByOfLists, of: ListName) -> tuple[str, str]:
    return (of.name, of.vendor) if by == "list" else ("", of.vendor)


def _row(by: ByOfLists, key: tuple[str, str], group: _Group) -> dict[str, Any]:
    leads, bounced, verified, converted = (group.counts[name] for name in PEOPLE_COUNTS)
    row = {
        "vendor": key[1],
        **{name: group.counts[name] for name in ROW_COUNTS},
        "leads": leads,
        "bounced_percent": _percent(bounced, leads),
        "verified_percent": _percent(verified, leads),
        "converted": converted,
        "converted_percent": _percent(converted, leads),
        "cost": money_text(group.cost),
        "cost_per_lead": money_text(group.cost, leads),
        "cost_per_conversion": money_text(group.cost, converted),
        "won": money_text(group.won),
    }
    return {"list": key[0], **row} if by == "list" else row


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def _add(sums: dict[str, Decimal], amounts: Amounts) -> None:
    for currency, amount in amounts.items():
        sums[currency] += amount


def money_text(amounts: Amounts, shared_by: int | None = None) -> str:
    """Amounts as text, each with its currency: currencies are never added up. Nothing where nobody shares it."""
    if shared_by == 0:
        return ""
    shown = {
        currency: amount if shared_by is None else (amount / shared_by).quantize(_CENT)
        for currency, amount in amounts.items()
    }
    return ", ".join(f"{shown[currency]} {currency}".strip() for currency in sorted(shown))


def _name_of(told: Any) -> ListName | None:
    name = _text(told.get("name")) if isinstance(told, dict) else None
    return ListName(name, _text(told.get("vendor")) or "") if name else None


def _text(value: object) -> str | None:
    """A name as capture writes it."""
    return plain_text(unicodedata.normalize("NFC", value.strip())) if isinstance(value, str) else None


def _cost(told: Any) -> tuple[str, Decimal] | None:
    cost = told.get("cost")
    amount = _decimal(cost.get("amount")) if isinstance(cost, dict) else None
    return None if amount is None else (plain_text(cost.get("currency") or ""), amount)


def _decimal(value: object) -> Decimal | None:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
