"""Merges that were taken back: each lead has its own assignment again, as it was before, and goes on by itself."""

from collections.abc import Sequence

import orjson

from services.routing.handlers.events import routed
from services.routing.handlers.merging import NOTED
from services.routing.ports import RoutedLead, Tables
from shared.contracts.thin import UnmergedLead
from shared.handling.outcomes import InHand, Outcome, Produced
from shared.handling.work import Work

UNMERGED = "unmerged"


class LeadUnmerging:
    """The use case of `lead.unmerged`. The loser's assignment was kept when it was merged away."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def unmerge_leads(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """Note that each lead is itself again, then publish it with its newest state. One that was never assigned is, by
        its next score."""
        events: list[UnmergedLead] = [item.event for item in items if item.decision is None]
        for event in events:
            await self._tables.aliases.save(work, event.loser_id, event.loser_id, event.lead_version)
        states = await self._tables.leads.lock(work, {item.event.lead_id for item in items})
        changed: dict[str, RoutedLead] = {}
        for event in events:
            state = states.get(event.lead_id)
            if state is not None and not state.erased and event.lead_version > state.lead_version:
                newest = state._replace(lead=orjson.dumps(event.lead), lead_version=event.lead_version)
                states[event.lead_id] = changed[event.lead_id] = newest
        await self._tables.leads.update(work, list(changed.values()))
        return [_outcome(item, states.get(item.event.lead_id), work) for item in items]


def _outcome(item: InHand, state: RoutedLead | None, work: Work) -> Outcome:
    subject = item.event.lead_id
    if state is None or state.erased or (item.decision is not None and item.decision.outcome == NOTED):
        return Produced(NOTED, subject=subject)
    at = item.decision.decided_at if item.decision is not None else work.instant
    return Produced(UNMERGED, (routed(item.record, state, time=at),), subject=subject)
