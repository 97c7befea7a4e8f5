"""A lead as its events tell: the newest of each part, decided by versions, never by the order of arrival."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from services.reporting.domain.personal import join_lead, mask

_STAGE_OF: Final = {
    "lead.captured": "captured",
    "lead.scored": "scored",
    "lead.routed": "routed",
    "opportunity.converted": "converted",
}
_ORDER: Final = ("captured", "scored", "routed", "converted")


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event of the event store, with its personal part, which is empty where it has none or was erased."""

    event_id: str
    type: str
    lead_id: str
    occurred_at: str
    source: str | None
    facts: Mapping[str, Any]
    personal: Mapping[str, Any]
    record: Mapping[str, Any] | None


def in_order(events: Sequence[StoredEvent]) -> list[StoredEvent]:
    """Events by when they happened; of the same instant, a lead's stages in their order."""

    def place(event: StoredEvent) -> tuple[str, int, str]:
        stage = _STAGE_OF.get(event.type)
        return event.occurred_at, len(_ORDER) if stage is None else _ORDER.index(stage), event.event_id

    return sorted(events, key=place)


@dataclass(slots=True)
class _Newest:
    version: int = -1
    value: Any = None

    def offer(self, version: Any, value: Any) -> None:
        if value is not None and (version or 0) > self.version:
            self.version, self.value = version or 0, value


@dataclass(slots=True)
class LeadView:
    """The newest state of a lead."""

    lead_id: str
    stage: str | None = None
    first_at: str | None = None
    source: str | None = None
    receipts: list[str] = field(default_factory=list)
    merged_ids: list[str] = field(default_factory=list)
    lead: _Newest = field(default_factory=_Newest)
    score: _Newest = field(default_factory=_Newest)
    assignment: _Newest = field(default_factory=_Newest)
    opportunities: dict[str, dict[str, Any]] = field(default_factory=dict)


def newest(lead_id: str, events: Sequence[StoredEvent]) -> LeadView:
    """Fold a lead's events, in the order in which they happened, into its newest state."""
    view = LeadView(lead_id)
    for event in events:
        _offer(view, event)
    view.merged_ids = sorted({event.lead_id for event in events} - {lead_id})
    return view


def _offer(view: LeadView, event: StoredEvent) -> None:
    facts = event.facts
    stage = _STAGE_OF.get(event.type)
    if stage is not None and (view.stage is None or _ORDER.index(stage) > _ORDER.index(view.stage)):
        view.stage = stage
    if event.type == "lead.captured":
        view.first_at = view.first_at or event.occurred_at
        view.source = view.source or event.source
    if event.type in ("lead.captured", "receipt.settled") and facts.get("receipt_id"):
        view.receipts.append(facts["receipt_id"])
    if event.type in ("lead.captured", "lead.merged", "lead.unmerged", "lead.changed"):
        view.lead.offer(facts.get("lead_version"), (facts.get("lead") or {}, event.personal))
    if event.type.startswith("opportunity."):
        _offer_opportunity(view, event)
    if event.lead_id == view.lead_id:  # scores and owners of a merged lead were another lead's
        view.score.offer(facts.get("score_version"), facts.get("score"))
        view.assignment.offer(facts.get("assignment_version"), facts.get("assignment"))


def _offer_opportunity(view: LeadView, event: StoredEvent) -> None:
    facts = event.facts
    held = view.opportunities.setdefault(str(facts.get("opportunity_id")), {})
    if event.type == "opportunity.changed":
        if facts.get("opportunity_version", 0) > held.get("opportunity_version", -1):
            held.update({name: value for name, value in facts.items() if value is not None})
    else:
        held.update({name: value for name, value in facts.items() if value is not None and name not in held})


def summary(view: LeadView, *, personal: bool) -> dict[str, Any]:
    """One line about a lead. Without `personal`, its personal fields are masked."""
    lead = _lead(view, personal=personal)
    score, assignment = view.score.value or {}, view.assignment.value or {}
    return {
        "lead_id": view.lead_id,
        "first_at": view.first_at,
        "source": view.source,
        "stage": view.stage,
        "name": lead.get("name"),
        "email": lead.get("email"),
        "company": (lead.get("company") or {}).get("name"),
        "score": score.get("value"),
        "grade": score.get("grade"),
        "owner": assignment.get("owner"),
        "queue": assignment.get("queue"),
        "opportunity_ids": sorted(view.opportunities),
    }


def detail(view: LeadView, *, personal: bool) -> dict[str, Any]:
    """All that is known of a lead now."""
    return {
        "lead_id": view.lead_id,
        "merged_ids": view.merged_ids,
        "first_at": view.first_at,
        "source": view.source,
        "stage": view.stage,
        "receipt_ids": view.receipts,
        "lead": _lead(view, personal=personal),
        "lead_version": _version(view.lead),
        "score": view.score.value,
        "score_version": _version(view.score),
        "assignment": view.assignment.value,
        "assignment_version": _version(view.assignment),
        "opportunities": [view.opportunities[key] for key in sorted(view.opportunities)],
    }


def timeline(events: Sequence[StoredEvent], *, personal: bool) -> list[dict[str, Any]]:
    """What happened to a lead, in order."""
    return [
        {
            "at": event.occurred_at,
            "type": event.type,
            "event_id": event.event_id,
            "lead_id": event.lead_id,
            "source": event.source,
            "facts": event.facts,
            "personal": event.personal if personal else mask(event.personal),
            "record": event.record,
        }
        for event in events
    ]


def _version(part: _Newest) -> int | None:
    return part.version if part.value is not None else None


def _lead(view: LeadView, *, personal: bool) -> dict[str, Any]:
    facts, private = view.lead.value or ({}, {})
    return join_lead(facts, private if personal else mask(private))
