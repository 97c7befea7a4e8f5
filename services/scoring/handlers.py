"""Use cases of scoring: score captured leads, follow merges."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.scoring.domain.inbound import CapturedLead
from services.scoring.domain.scoring import Weighed
from services.scoring.domain.standing import Standing, score_captured, score_changed, score_merged, why_not_scored
from services.scoring.ports import Models, Standings
from shared.contracts.events.scoring import LeadScored
from shared.contracts.thin import MergedLead, UnmergedLead, received_at
from shared.contracts.topics import SCORED
from shared.handling.outcomes import InHand, Outcome, OutEvent, Produced, Rejected, Skipped, Stage
from shared.handling.work import Work
from shared.observability.metrics import LEAD_SECONDS, LEADS_SCORED
from shared.persistence.aliases import survivor_at

STAGE: Final = Stage("scoring")


@dataclass(frozen=True, slots=True)
class ScoreLeads:
    """Score each captured lead with the model that is live for this batch; newer versions only."""

    models: Models
    standings: Standings

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """One event for each record that was applied; one row written for each lead."""
        model = await self.models.read(work)
        lead_ids = {item.event.lead_id for item in items}
        moved = await self.standings.survivors(work, lead_ids)
        known = await self.standings.lock(work, lead_ids | {s.lead_id for s in moved.values()} | _subjects(items))

        def outcome(item: InHand) -> Outcome:
            captured: CapturedLead = item.event
            survivor = survivor_at(moved, captured.lead_id, captured.lead_version)
            redirected = survivor != captured.lead_id
            standing = _standing(known, survivor)
            reason = why_not_scored(standing, captured, redirected=redirected)
            if reason is not None:
                return Skipped(reason, survivor)
            weighed = score_captured(standing, captured, model, redirected=redirected, now=work.instant)
            return _scored(item, standing, weighed, work.instant)

        outcomes = await _settle(self.standings, work, items, known, outcome)
        _observe_age(items, outcomes, work.now)
        return outcomes


@dataclass(frozen=True, slots=True)
class FollowMerges:
    """Remember who is who now, and score the winner's new state."""

    models: Models
    standings: Standings

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """A merge that came late, or twice, changes nothing beyond the alias."""
        model = await self.models.read(work)
        merges = [item.event for item in items if item.decision is None]
        await self.standings.save_merges(work, [(m.loser_id, m.winner_id, m.lead_version) for m in merges])
        moved = await self.standings.survivors(work, {m.winner_id for m in merges})
        concerned = {lead_id for m in merges for lead_id in (m.winner_id, m.loser_id)}
        known = await self.standings.lock(work, concerned | _subjects(items))

        def outcome(item: InHand) -> Outcome:
            merged: MergedLead = item.event
            loser = _mark_merged(known.get(merged.loser_id), merged.winner_id)
            if merged.winner_id in moved:
                return Skipped("merged_away", moved[merged.winner_id].lead_id)
            winner = _standing(known, merged.winner_id)
            if winner.erased:
                return Skipped("erased", merged.winner_id)
            if merged.lead_version <= winner.lead_version:
                return Skipped("superseded", merged.winner_id)
            weighed = score_merged(winner, loser, merged, model, now=work.instant)
            if weighed is None:
                return Skipped("awaits_submission", merged.winner_id)
            return _scored(item, winner, weighed, work.instant)

        return await _settle(self.standings, work, items, known, outcome)


@dataclass(frozen=True, slots=True)
class FollowUnmerges:
    """Remember that a lead is itself again, and score each of the two with what it has now."""

    models: Models
    standings: Standings

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """One that came late, or twice, changes nothing beyond the alias."""
        model = await self.models.read(work)
        events: list[UnmergedLead] = [item.event for item in items if item.decision is None]
        await self.standings.save_merges(work, [(e.loser_id, e.loser_id, e.lead_version) for e in events])
        concerned = {lead_id for e in events for lead_id in (e.winner_id, e.loser_id)}
        known = await self.standings.lock(work, concerned | _subjects(items))

        def outcome(item: InHand) -> Outcome:
            said: UnmergedLead = item.event
            lead, other_id = _standing(known, said.lead_id), said.winner_id
            if said.lead_id == said.winner_id:
                other_id = said.loser_id
            if lead.erased:
                return Skipped("erased", said.lead_id)
            if said.lead_version <= lead.lead_version:
                return Skipped("superseded", said.lead_id)
            if said.lead_id == said.loser_id:
                lead.merged_into = None
            weighed = score_merged(lead, known.get(other_id), said, model, now=work.instant)
            return (
                Skipped("awaits_submission", lead.lead_id)
                if weighed is None
                else _scored(item, lead, weighed, work.instant)
            )

        return await _settle(self.standings, work, items, known, outcome)


@dataclass(frozen=True, slots=True)
class FollowChanges:
    """Score what became known of leads without a submission; newer versions only."""

    models: Models
    standings: Standings

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """One event for each record that was applied; one row written for each lead."""
        model = await self.models.read(work)
        lead_ids = {item.event.lead["lead_id"] for item in items}
        moved = await self.standings.survivors(work, lead_ids)
        known = await self.standings.lock(work, lead_ids | _subjects(items))

        def outcome(item: InHand) -> Outcome:
            lead_id = item.event.lead["lead_id"]
            survivor = survivor_at(moved, lead_id, item.event.lead_version)
            if survivor != lead_id:
                return Skipped("merged_away", survivor)
            standing = _standing(known, lead_id)
            if standing.erased:
                return Skipped("erased", lead_id)
            if item.event.lead_version <= standing.lead_version:
                return Skipped("superseded", lead_id)
            weighed = score_changed(standing, item.event, model, now=work.instant)
            if weighed is None:
                return Skipped("awaits_submission", lead_id)
            return _scored(item, standing, weighed, work.instant)

        return await _settle(self.standings, work, items, known, outcome)


async def _settle(
    standings: Standings,
    work: Work,
    items: Sequence[InHand],
    known: dict[str, Standing],
    decide: Callable[[InHand], Outcome],
) -> Sequence[Outcome]:
    """Each record's outcome, that of one decided before again; what changed is saved, and new scores are counted."""
    outcomes = [decide(item) if item.decision is None else _again(item, known) for item in items]
    await standings.save(work, [standing for standing in known.values() if standing.changed])
    for grade, n in _new_grades(outcomes).items():
        LEADS_SCORED.labels(grade=grade).inc(n)
    return outcomes


def _subjects(items: Iterable[InHand]) -> set[str]:
    """The leads that redelivered records were decided about."""
    return {item.decision.subject for item in items if item.decision is not None and item.decision.subject}


def _standing(known: dict[str, Standing], lead_id: str) -> Standing:
    standing = known.get(lead_id)
    if standing is None:
        standing = known[lead_id] = Standing(lead_id)
    return standing


def _mark_merged(loser: Standing | None, winner_id: str) -> Standing | None:
    if loser is not None and loser.merged_into != winner_id:
        loser.merged_into = winner_id
        loser.changed = True
    return loser


def _scored(item: InHand, standing: Standing, weighed: Weighed, at: str) -> Outcome:
    detail = {**weighed.summary, "score_version": standing.score_version}
    return Produced("scored", (_event(item, standing, at),), standing.lead_id, None, detail)


def _again(item: InHand, known: dict[str, Standing]) -> Outcome:
    """A redelivery: the same event id and time, the newest stored state."""
    assert item.decision is not None
    standing = known.get(item.decision.subject or "")
    if standing is None or standing.origin is None:
        return Rejected("state_missing", place="lead_scores")
    return Produced("scored", (_event(item, standing, item.decision.decided_at),), standing.lead_id)


def _event(item: InHand, standing: Standing, at: str) -> OutEvent:
    return STAGE.event(
        item.record, LeadScored.TYPE, topic=SCORED, key=standing.lead_id, data=standing.published(), time=at
    )


def _new_grades(outcomes: Sequence[Outcome]) -> Counter[str]:
    """The grades of new scores; redelivered ones, which have no detail, were counted before."""
    return Counter(o.detail["grade"] for o in outcomes if isinstance(o, Produced) and o.detail is not None)


def _observe_age(items: Sequence[InHand], outcomes: Sequence[Outcome], now: datetime) -> None:
    """One age a batch with new scores: that of its first record."""
    if any(isinstance(o, Produced) and o.detail is not None for o in outcomes):
        received = received_at(items[0].event.origin)
        if received is not None:
            LEAD_SECONDS.labels(stage="scored").observe(max(0.0, (now - received).total_seconds()))
