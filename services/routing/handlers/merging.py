"""Merges: the loser's id resolves to the winner for ever, and the winner keeps, or takes over, an assignment."""

from collections.abc import Mapping, Sequence

import orjson

from services.routing.domain.assignment import is_held_target, is_waiting
from services.routing.domain.status import with_work, work_of
from services.routing.handlers.events import assignment_id_for, routed
from services.routing.handlers.giving import give_away, is_target
from services.routing.ports import RoutedLead, Tables
from shared.contracts.thin import MergedLead
from shared.handling.outcomes import Decision, InHand, Outcome, Produced
from shared.handling.work import Work

MERGED = "merged"
# The merge is known; there is no assignment to publish yet, the winner's score will bring it.
NOTED = "merge_noted"


class LeadMerging:
    """The use case of `lead.merged`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def merge_leads(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """Save the aliases, then publish each winner with its newest state."""
        for item in items:
            if item.decision is None:
                await self._save_alias(item.event, work)
        survivors = await self._tables.aliases.resolve(work, {item.event.winner_id for item in items})
        stored = await self._tables.leads.lock(work, _leads_of(items, survivors))
        states = dict(stored)
        outcomes = [await self._outcome(item, survivors, states, work) for item in items]
        changed = {lead_id for lead_id, state in states.items() if stored.get(lead_id) is not state}
        await self._tables.leads.add(work, [states[lead_id] for lead_id in changed - stored.keys()])
        await self._tables.leads.update(work, [states[lead_id] for lead_id in changed & stored.keys()])
        return outcomes

    async def _save_alias(self, event: MergedLead, work: Work) -> None:
        await self._tables.aliases.save(work, event.loser_id, event.winner_id, event.lead_version)

    async def _outcome(
        self, item: InHand, survivors: Mapping[str, str], states: dict[str, RoutedLead], work: Work
    ) -> Outcome:
        if item.decision is not None:
            return _again(item, item.decision, states)
        event: MergedLead = item.event
        survivor = survivors.get(event.winner_id, event.winner_id)
        own, lost = states.get(survivor), states.get(event.loser_id)
        newest = merged_state(event, survivor, own, lost)
        if newest is None or newest.erased:
            return Produced(NOTED, subject=survivor)
        is_lead_now = is_held_target(newest.assignment) and newest is not own and not is_target(newest.lead)
        if is_lead_now or (is_waiting(newest.assignment) and _has_owner(lost)):
            newest = await self._release(item, newest, lost, work)
        states[survivor] = newest
        return Produced(MERGED, (routed(item.record, newest, time=work.instant),), subject=survivor)

    async def _release(self, item: InHand, held: RoutedLead, lost: RoutedLead | None, work: Work) -> RoutedLead:
        """A target that is a lead by the merge, or a lead that waited for what it lacks: whoever has the other lead has it
        now, else the rules say who."""
        if lost is None or lost.erased or is_held_target(lost.assignment):
            return await give_away(self._tables, held, assignment_id_for(item.record, held.lead_id), work)
        work_before = work_of(lost.assignment) or work_of(held.assignment)
        return held.given_to(with_work(lost.assignment, work_before), owner=lost.owner, queue=lost.queue, at=work.now)


def _has_owner(lost: RoutedLead | None) -> bool:
    return lost is not None and not lost.erased and lost.owner is not None


def _leads_of(items: Sequence[InHand], survivors: Mapping[str, str]) -> set[str]:
    subjects = {item.decision.subject for item in items if item.decision is not None and item.decision.subject}
    named = {lead_id for item in items for lead_id in (item.event.winner_id, item.event.loser_id)}
    return subjects | named | set(survivors.values())


def _again(item: InHand, decision: Decision, states: Mapping[str, RoutedLead]) -> Outcome:
    state = states.get(decision.subject or "")
    if decision.outcome == NOTED or state is None:
        return Produced(NOTED, subject=decision.subject)
    return Produced(MERGED, (routed(item.record, state, time=decision.decided_at),), subject=decision.subject)


def merged_state(
    event: MergedLead, survivor: str, own: RoutedLead | None, lost: RoutedLead | None
) -> RoutedLead | None:
    """The survivor's state after a merge: its own assignment, else the loser's; None when neither has one.

    A score taken over has version 0, so that the survivor's own score is newer whatever its number. Where the winner
    was merged away itself meanwhile, its facts are not the survivor's.
    """
    about_survivor = survivor == event.winner_id
    if own is not None:
        if about_survivor and event.lead_version > own.lead_version:
            return own._replace(lead=orjson.dumps(event.lead), lead_version=event.lead_version)
        return own
    if lost is None:
        return None
    return lost._replace(
        lead_id=survivor,
        lead=orjson.dumps({**event.lead, "lead_id": survivor}),
        lead_version=event.lead_version if about_survivor else 0,
        score_version=0,
        assignment_version=lost.assignment_version + 1,
    )
