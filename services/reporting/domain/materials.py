"""Literature fulfilment: what was sent, how people responded, and whether they bought."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from services.reporting.domain.leads import StoredEvent

STEPS: Final = ("requested", "sent", "delivered", "opened", "replied")
COLUMNS: Final = (
    "material", *STEPS, "leads", "converted", "rate_percent", "rate_without_percent", "lift", "influenced",
)  # fmt: skip


class Step(NamedTuple):
    """A lead took a step with a material, first at this time."""

    material_id: str
    lead_id: str
    step: str
    at: datetime


class Everybody(NamedTuple):
    """All leads, and those of them who converted."""

    leads: int
    converted: int


@dataclass(slots=True)
class _Material:
    by_step: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    first_at: dict[str, datetime] = field(default_factory=dict)


def influenced(steps: Iterable[Step], converted_at: Mapping[str, datetime]) -> set[str]:
    """The leads that converted after their first step with any material."""
    first: dict[str, datetime] = {}
    for step in steps:
        first[step.lead_id] = min(step.at, first.get(step.lead_id, step.at))
    return {lead_id for lead_id, at in first.items() if lead_id in converted_at and at <= converted_at[lead_id]}


def material_table(
    steps: Sequence[Step],
    converted_at: Mapping[str, datetime],
    amounts: Mapping[str, Mapping[str, Decimal]],
    everybody: Everybody,
) -> list[dict[str, Any]]:
    """A row a material. A lead counts as converted where it took a step before it did. `lift` compares with the leads
    that had nothing to do with the material; `influenced` is the worth of the converted ones, by currency."""
    materials: dict[str, _Material] = defaultdict(_Material)
    for step in steps:
        material = materials[step.material_id]
        material.by_step[step.step].add(step.lead_id)
        first = material.first_at.get(step.lead_id, step.at)
        material.first_at[step.lead_id] = min(first, step.at)
    return [_row(name, materials[name], converted_at, amounts, everybody) for name in sorted(materials)]


def _row(
    name: str,
    material: _Material,
    converted_at: Mapping[str, datetime],
    amounts: Mapping[str, Mapping[str, Decimal]],
    everybody: Everybody,
) -> dict[str, Any]:
    leads = material.first_at
    bought = [lead_id for lead_id, at in leads.items() if lead_id in converted_at and at <= converted_at[lead_id]]
    others = everybody.leads - len(leads)
    others_bought = everybody.converted - sum(lead_id in converted_at for lead_id in leads)
    rate, rate_without = _percent(len(bought), len(leads)), _percent(others_bought, others)
    return {
        "material": name,
        **{step: len(material.by_step.get(step, ())) for step in STEPS},
        "leads": len(leads),
        "converted": len(bought),
        "rate_percent": rate,
        "rate_without_percent": rate_without,
        "lift": round(rate / rate_without, 2) if rate is not None and rate_without else None,
        "influenced": _sums(amounts.get(lead_id, {}) for lead_id in bought),
    }


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole > 0 else None


def _sums(amounts: Iterable[Mapping[str, Decimal]]) -> str:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for by_currency in amounts:
        for currency, amount in by_currency.items():
            sums[currency] += amount
    return ", ".join(f"{sums[currency]} {currency}".strip() for currency in sorted(sums))


def amounts_of(events: Sequence[StoredEvent]) -> dict[str, Decimal]:
    """What a lead's opportunities are worth by currency, as they were converted."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for event in events:
        if event.type == "opportunity.converted" and event.facts.get("amount") is not None:
            try:
                found[str(event.facts.get("currency") or "")] += Decimal(str(event.facts["amount"]))
            except InvalidOperation:
                continue
    return dict(found)
