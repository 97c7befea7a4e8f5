"""Leads as routed: the newest state is kept, the gate is asked, and whoever passes is converted, once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from services.conversion.domain.converting import Wanted, conversion_id_of
from services.conversion.domain.gate import Closed, Gate, check_gate
from services.conversion.domain.parties import LeadState
from services.conversion.handlers.converting import Converting, converted_event_id, events_of
from services.conversion.ports import Gates, Leads, Sales
from shared.contracts.base import Contract
from shared.contracts.thin import LeadJson, Version
from shared.handling.outcomes import InHand, Outcome, Produced, Skipped
from shared.handling.work import Work
from shared.persistence.aliases import resolve

CONVERTED: Final = "converted"
GATE_CLOSED: Final = "gate_closed"
BY_GATE: Final = "gate"


class RoutedLead(Contract):
    """The thin read model of `lead.routed`: parts are kept as they came."""

    lead: LeadJson
    lead_version: Version
    score: dict[str, Any]
    score_version: Version
    assignment: dict[str, Any]
    assignment_version: Version
    origin: dict[str, Any]


@dataclass(slots=True)
class _Newest:
    """A lead's newest parts in this batch, and the last record that brought one: it is the one that decides."""

    state: LeadState
    item: InHand


@dataclass(frozen=True, slots=True)
class ConvertLeads:
    """The use case of `lead.routed`."""

    gates: Gates
    leads: Leads
    sales: Sales
    converting: Converting

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """`converted`, `gate_closed` with what is missing, or skipped: superseded, merged_away, already_converted."""
        again = [item for item in items if item.decision is not None]
        fresh = [item for item in items if item.decision is None]
        outcomes = await self._publish_again(again, work) if again else {}
        if fresh:
            outcomes.update(await self._decide(fresh, work))
        return [outcomes[id(item)] for item in items]

    async def _publish_again(self, items: Sequence[InHand], work: Work) -> dict[int, Outcome]:
        """What was decided stands; a conversion goes out with the same ids."""
        wanted = {conversion_id_of(lead_id) for item in items if (lead_id := _converted_lead(item))}
        stored = await self.sales.conversions_of(work, sorted(wanted))
        outcomes: dict[int, Outcome] = {}
        for item in items:
            assert item.decision is not None
            subject, lead_id = item.decision.subject, _converted_lead(item)
            conversion = stored.get(conversion_id_of(lead_id)) if lead_id else None
            events = events_of(conversion, item.record, item.decision.decided_at) if conversion else ()
            outcomes[id(item)] = Produced(item.decision.outcome, events, subject=subject, detail=item.decision.detail)
        return outcomes

    async def _decide(self, items: Sequence[InHand], work: Work) -> dict[int, Outcome]:
        gate = await self.gates.read(work)
        outcomes: dict[int, Outcome] = {}
        newest: dict[str, _Newest] = {}
        for item in items:
            lead_id = item.event.lead["lead_id"]
            outcomes[id(item)] = Skipped("superseded", subject=lead_id)
            _take(newest, lead_id, item)
        stored = await self.leads.save_newest(work, {lead_id: one.state for lead_id, one in newest.items()})
        # Asked under the leads' locks: a merge that was quicker is seen, a slower one sees what is decided here.
        winners = await resolve(work, newest)
        for item in items if winners else ():
            lead_id = item.event.lead["lead_id"]
            if lead_id in winners:
                outcomes[id(item)] = Skipped("merged_away", subject=winners[lead_id])
                stored.pop(lead_id, None)
        wanted = _ask(gate, stored, newest, outcomes)
        for one in await self.converting.convert(wanted, work):
            lead_id = one.conversion.lead_id
            item = newest[lead_id].item
            outcomes[id(item)] = Produced(CONVERTED, events_of(one, item.record, work.instant), subject=lead_id)
        return outcomes


def _converted_lead(item: InHand) -> str | None:
    """The lead that the stored decision converted, if that is what it did."""
    decision = item.decision
    return decision.subject if decision is not None and decision.outcome == CONVERTED else None


def _take(newest: dict[str, _Newest], lead_id: str, item: InHand) -> None:
    """Take what is newer of this record; the first one of its lead as a whole."""
    event: RoutedLead = item.event
    held = newest.get(lead_id)
    if held is None:
        newest[lead_id] = _Newest(_state(event, lead_id), item)
        return
    state = held.state
    if event.lead_version > state.lead_version:
        state.lead, state.lead_text, state.origin = event.lead, _text(event.lead), event.origin
        state.lead_version, held.item = event.lead_version, item
    if event.score_version > state.score_version:
        state.score, state.score_version, held.item = event.score, event.score_version, item
    if event.assignment_version > state.assignment_version:
        state.assignment, state.assignment_version, held.item = event.assignment, event.assignment_version, item


def _state(event: RoutedLead, lead_id: str) -> LeadState:
    return LeadState(
        lead_id,
        event.lead_version,
        event.lead,
        _text(event.lead),
        event.score_version,
        event.score,
        event.assignment_version,
        event.assignment,
        event.origin,
    )


def _text(lead: dict[str, Any]) -> str:
    return orjson.dumps(lead).decode()


def _ask(
    gate: Gate, stored: dict[str, LeadState], newest: dict[str, _Newest], outcomes: dict[int, Outcome]
) -> list[Wanted]:
    """Ask the gate about every lead that is news; returns those to convert."""
    wanted: list[Wanted] = []
    for lead_id, state in stored.items():
        item = newest[lead_id].item
        if state.conversion_id is not None:
            outcomes[id(item)] = Skipped("already_converted", subject=lead_id)
            continue
        passage = check_gate(state.facts, gate)
        if isinstance(passage, Closed):
            detail = {"missing": passage.missing, "gate": gate.rules["version"]}
            outcomes[id(item)] = Produced(GATE_CLOSED, subject=lead_id, detail=detail)
        else:
            event_id = converted_event_id(item.record, lead_id)
            wanted.append(Wanted(state, BY_GATE, event_id, passage.met, gate.rules))
    return wanted
