"""Opportunities by stage: the newest of each, and a row a stage of each pipeline."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from services.reporting.domain.extract import UNREADABLE, lead_id_of, plain_text
from services.reporting.domain.lists import money_text

COLUMNS: Final = ("pipeline", "stage", "probability", "opportunities", "amount", "expected")
UNNAMED: Final = "default"
"""The pipeline of opportunities that name none: those from before stages were rules."""
_CONVERTED: Final = "opportunity.converted"
_CHANGED: Final = "opportunity.changed"
_LOST: Final = 0
_CENT: Final = Decimal("0.01")
_BIGGEST: Final = 2**31 - 1


class Sale(NamedTuple):
    """What an event says of an opportunity. `pipeline` None: it does not say."""

    opportunity_id: str
    opportunity_version: int
    pipeline: str | None
    stage: str
    probability: int
    amount: Decimal | None
    currency: str | None


class _Pipeline(msgspec.Struct, gc=False):
    name: str


class _Seen(msgspec.Struct, gc=False):
    opportunity_id: str
    stage: str
    probability: int
    opportunity_version: int = 1
    pipeline: _Pipeline | None = None
    amount: Decimal | None = None
    currency: str | None = None


_read: Final = msgspec.json.Decoder(_Seen).decode


def sale_said(event_type: str, value: bytes) -> Sale | None:
    """What an event says of an opportunity; None for nearly all, which are not read, and of the change that says only that
    it was created, which the conversion says too."""
    if event_type not in (_CONVERTED, _CHANGED):
        return None
    try:
        seen = _read(value)
        if event_type == _CHANGED and seen.opportunity_version == 1:
            return None
        pipeline = None
        if event_type == _CONVERTED:
            pipeline = UNNAMED if seen.pipeline is None else plain_text(seen.pipeline.name)
        if not (0 <= seen.probability <= 100 and 0 < seen.opportunity_version <= _BIGGEST):
            return None
        return Sale(
            lead_id_of(seen.opportunity_id),
            seen.opportunity_version,
            pipeline,
            plain_text(seen.stage),
            seen.probability,
            seen.amount if seen.amount is None or seen.amount.is_finite() else None,
            None if seen.currency is None else plain_text(seen.currency),
        )
    except (*UNREADABLE, msgspec.DecodeError):
        return None


def newest_sales(said: Iterable[Sale]) -> list[Sale]:
    """Of each opportunity the newest, with its pipeline where any of them says it, in the order of ids."""
    newest: dict[str, Sale] = {}
    for one in said:
        held = newest.get(one.opportunity_id, one)
        stands = one if one.opportunity_version >= held.opportunity_version else held
        newest[one.opportunity_id] = stands._replace(pipeline=one.pipeline or held.pipeline)
    return [newest[opportunity_id] for opportunity_id in sorted(newest)]


@dataclass(slots=True)
class _Group:
    opportunities: int = 0
    amounts: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


def pipeline_table(counted: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row a stage: the pipelines by name, in each the open stages from the least likely on, then won, then lost.
    `counted` has a row a pipeline, stage, probability and currency; currencies are never added up."""
    groups: dict[tuple[str, int, int, str], _Group] = defaultdict(_Group)
    for row in counted:
        probability = row["probability"]
        place = (row["pipeline"] or UNNAMED, int(probability == _LOST), probability, row["stage"])
        group = groups[place]
        group.opportunities += row["opportunities"]
        if row["amount"] is not None:
            group.amounts[row["currency"] or ""] += row["amount"]
    return [_row(pipeline, probability, stage, groups[pipeline, lost, probability, stage])
            for pipeline, lost, probability, stage in sorted(groups)]  # fmt: skip


def _row(pipeline: str, probability: int, stage: str, group: _Group) -> dict[str, Any]:
    expected = {currency: (amount * probability / 100).quantize(_CENT) for currency, amount in group.amounts.items()}
    return {
        "pipeline": pipeline,
        "stage": stage,
        "probability": probability,
        "opportunities": group.opportunities,
        "amount": money_text(group.amounts),
        "expected": money_text(expected),
    }
