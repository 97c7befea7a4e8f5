"""Scored leads get an owner or a queue, once, and go on with their newest lead and score."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from services.routing.domain.assignment import (
    Choice,
    Dealing,
    assignment_json,
    find_match,
    hold_target,
    is_held_otherwise,
    is_held_target,
    is_waiting,
)
from services.routing.domain.inbound import ScoredLead
from services.routing.domain.rules import AssignmentPolicy
from services.routing.domain.status import with_work, work_of
from services.routing.handlers.events import assignment_id_for, new_state, routed
from services.routing.handlers.requirements import pick_complete
from services.routing.ports import RoutedLead, Tables
from shared.contracts.thin import received_at
from shared.handling.outcomes import InHand, Outcome, Produced, Skipped
from shared.handling.work import Work
from shared.observability.metrics import LEAD_SECONDS, LEADS_ASSIGNED
from shared.persistence.aliases import Survivor, survivor_at


@dataclass(slots=True)
class _Batch:
    """The states of a batch's leads while it is worked through, and which of them are to be saved."""

    states: dict[str, RoutedLead]
    winners: Mapping[str, Survivor]
    added: dict[str, RoutedLead] = field(default_factory=dict)
    released: dict[str, InHand] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)


class LeadRouting:
    """The use case of `lead.scored`."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def route_leads(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """Assign what is new, keep every assignment that stands, publish each applied record's newest state."""
        fresh = [item.event.lead_id for item in items if item.decision is None]
        winners = await self._tables.aliases.resolve_at(work, fresh) if fresh else {}
        decided = [item.decision.subject for item in items if item.decision is not None]
        states = await self._tables.leads.lock(work, [*fresh, *(subject for subject in decided if subject)])
        batch = _Batch(states, winners)
        await self._assign_new(_first_of_each(items, batch), items, batch, work)
        instant = work.instant
        outcomes = [_outcome(item, batch, instant) for item in items]
        await self._save(batch, work)
        _observe_age(items[0].event.origin, work)
        return outcomes

    async def _assign_new(self, new: Sequence[InHand], items: Sequence[InHand], batch: _Batch, work: Work) -> None:
        """Match first, lock the rotations that are needed late and in order, then give the turns."""
        if not new:
            return
        policy = await self._tables.rules.read(work)
        if policy.requirements:
            new = pick_complete(new, items, policy, batch.states)
            batch.released = {item.event.lead_id: item for item in new if item.event.lead_id in batch.states}
        if targets := [item for item in new if item.event.is_target]:
            _hold(targets, policy, batch, work)
            new = [item for item in new if not item.event.is_target]
        roster = await self._tables.members.roster(work)
        matches = [find_match(policy.see(item.event.lead, item.event.score), policy) for item in new]
        needed = {match.rotation for match in matches if match.rotation is not None}
        dealing = Dealing(policy, roster, await self._tables.rotations.lock(work, needed))
        strategies: Counter[str] = Counter()
        for item, match in zip(new, matches, strict=True):
            choice, chosen = dealing.give(match)
            event: ScoredLead = item.event
            assignment_id = assignment_id_for(item.record, event.lead_id)
            assignment = assignment_json(chosen, now=work.instant, assignment_id=assignment_id)
            _give(item, choice, assignment, batch, work)
            strategies[choice.strategy] += 1
        await self._tables.rotations.save(work, dealing.turns.values())
        for strategy, n in strategies.items():
            work.once_stored(partial(LEADS_ASSIGNED.labels(strategy=strategy).inc, n))

    async def _save(self, batch: _Batch, work: Work) -> None:
        await self._tables.leads.add(work, [batch.states[lead_id] for lead_id in batch.added])
        await self._tables.leads.update(work, [batch.states[lead_id] for lead_id in batch.changed])


def _first_of_each(items: Sequence[InHand], batch: _Batch) -> list[InHand]:
    """The record by which each lead is assigned that has no assignment yet, has become a lead, or expired: its first, but
    of a target that becomes a lead in this very batch the first as a lead."""
    new: dict[str, InHand] = {}
    for item in items:
        if item.decision is not None or _is_merged_away(item.event, batch):
            continue
        lead_id = item.event.lead_id
        first, state = new.get(lead_id), batch.states.get(lead_id)
        if first is not None:
            if first.event.is_target and _goes_on(first.event, item.event):
                new[lead_id] = item
        elif state is None or is_released(state, item.event):
            new[lead_id] = item
    batch.released = {lead_id: item for lead_id, item in new.items() if lead_id in batch.states}
    return list(new.values())


def _is_merged_away(event: ScoredLead, batch: _Batch) -> bool:
    return survivor_at(batch.winners, event.lead_id, event.lead_version) != event.lead_id


def _goes_on(target: ScoredLead, later: ScoredLead) -> bool:
    """Whether a target is a lead by another record of its batch, or its time over."""
    return not later.is_target or (later.is_expired != target.is_expired and later.lead_version >= target.lead_version)


def is_released(state: RoutedLead, event: ScoredLead) -> bool:
    """Whether a target leaves its queue: it has become a lead and is given to somebody, or its time is over."""
    if state.erased or event.lead_version < state.lead_version:
        return False
    if event.is_target:
        return is_held_otherwise(state.assignment, expired=event.is_expired)
    return is_held_target(state.assignment) or (is_waiting(state.assignment) and _is_newer(event, state))


def _is_newer(event: ScoredLead, state: RoutedLead) -> bool:
    versions, known = (event.lead_version, event.score_version), (state.lead_version, state.score_version)
    return versions != known and event.score_version >= state.score_version


def _hold(targets: Sequence[InHand], policy: AssignmentPolicy, batch: _Batch, work: Work) -> None:
    """Targets are given to nobody."""
    for item in targets:
        choice, chosen = hold_target(policy, expired=item.event.is_expired)
        assignment_id = assignment_id_for(item.record, item.event.lead_id)
        assignment = assignment_json(chosen, now=work.instant, assignment_id=assignment_id)
        _give(item, choice, assignment, batch, work)
    work.once_stored(partial(LEADS_ASSIGNED.labels(strategy="holding").inc, len(targets)))


def _give(item: InHand, choice: Choice, assignment: bytes, batch: _Batch, work: Work) -> None:
    """The state of a lead with its first assignment, or of a target that leaves its queue with the next."""
    event: ScoredLead = item.event
    if event.lead_id not in batch.released:
        batch.added[event.lead_id] = new_state(event, assignment, owner=choice.owner, queue=choice.queue, at=work.now)
        return
    held = batch.states[event.lead_id]
    newest = with_newer_parts(held, event) or held
    kept = with_work(assignment, work_of(held.assignment))
    batch.states[event.lead_id] = newest.given_to(kept, owner=choice.owner, queue=choice.queue, at=work.now)
    batch.changed.add(event.lead_id)


def _outcome(item: InHand, batch: _Batch, instant: str) -> Outcome:
    if item.decision is not None:
        subject = item.decision.subject or item.event.lead_id
        again = routed(item.record, batch.states[subject], time=item.decision.decided_at)
        return Produced(item.decision.outcome, (again,), subject=subject)
    lead_id = item.event.lead_id
    if _is_merged_away(item.event, batch):
        return Skipped("merged_away", subject=batch.winners[lead_id].lead_id)
    if lead_id not in batch.states:
        batch.states[lead_id] = batch.added[lead_id]
        return _applied("assigned", item, batch, instant)
    if batch.states[lead_id].erased:
        return Skipped("erased", subject=lead_id)
    if batch.released.get(lead_id) is item:
        return _applied("held" if item.event.is_target else "released", item, batch, instant)
    newest = with_newer_parts(batch.states[lead_id], item.event)
    if newest is None:
        return Skipped("superseded", subject=lead_id)
    batch.states[lead_id] = newest
    if lead_id not in batch.added:
        batch.changed.add(lead_id)
    return _applied("kept", item, batch, instant)


def _applied(outcome: str, item: InHand, batch: _Batch, instant: str) -> Produced:
    lead_id = item.event.lead_id
    event = routed(item.record, batch.states[lead_id], time=instant)
    return Produced(outcome, (event,), subject=lead_id)


def _observe_age(origin: bytes, work: Work) -> None:
    """One age a batch: that of its first record."""
    received = received_at(origin)
    if received is not None:
        LEAD_SECONDS.labels(stage="routed").observe(max(0.0, (work.now - received).total_seconds()))


def with_newer_parts(state: RoutedLead, event: ScoredLead) -> RoutedLead | None:
    """The state with those parts of the event that are newer, each by its own version; None when none is."""
    newer_lead = event.lead_version > state.lead_version
    newer_score = event.score_version > state.score_version
    if not newer_lead and not newer_score:
        return None
    return RoutedLead(
        state.lead_id,
        event.lead_version if newer_lead else state.lead_version,
        event.lead if newer_lead else state.lead,
        event.score_version if newer_score else state.score_version,
        event.score if newer_score else state.score,
        event.origin,
        state.assignment,
        state.assignment_version,
        state.owner,
        state.queue,
        state.assigned_at,
    )
