"""Use cases of what capture tells: score leads with each submission, and with what becomes known without one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from services.scoring.domain.inbound import CapturedLead
from services.scoring.domain.standing import score_captured, score_changed, why_not_scored
from services.scoring.handlers.outcomes import scored, settle, standing_of, subjects
from services.scoring.ports import Models, Standings
from shared.contracts.thin import received_at
from shared.handling.outcomes import InHand, Outcome, Produced, Skipped
from shared.handling.work import Work
from shared.observability.metrics import LEAD_SECONDS
from shared.persistence.aliases import survivor_at


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
        known = await self.standings.lock(work, lead_ids | {s.lead_id for s in moved.values()} | subjects(items))

        def outcome(item: InHand) -> Outcome:
            captured: CapturedLead = item.event
            survivor = survivor_at(moved, captured.lead_id, captured.lead_version)
            redirected = survivor != captured.lead_id
            standing = standing_of(known, survivor)
            reason = why_not_scored(standing, captured, redirected=redirected)
            if reason is not None:
                return Skipped(reason, survivor)
            weighed = score_captured(standing, captured, model, redirected=redirected, now=work.instant)
            return scored(item, standing, weighed, work.instant)

        outcomes = await settle(self.standings, work, items, known, outcome)
        work.once_stored(partial(_observe_age, items, outcomes, work.now))
        return outcomes


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
        known = await self.standings.lock(work, lead_ids | subjects(items))

        def outcome(item: InHand) -> Outcome:
            lead_id = item.event.lead["lead_id"]
            survivor = survivor_at(moved, lead_id, item.event.lead_version)
            if survivor != lead_id:
                return Skipped("merged_away", survivor)
            standing = standing_of(known, lead_id)
            if standing.erased:
                return Skipped("erased", lead_id)
            if item.event.lead_version <= standing.lead_version:
                return Skipped("superseded", lead_id)
            weighed = score_changed(standing, item.event, model, now=work.instant)
            if weighed is None:
                return Skipped("awaits_submission", lead_id)
            return scored(item, standing, weighed, work.instant)

        return await settle(self.standings, work, items, known, outcome)


def _observe_age(items: Sequence[InHand], outcomes: Sequence[Outcome], now: datetime) -> None:
    """One age a batch with new scores: that of its first record."""
    if any(isinstance(o, Produced) and o.detail is not None for o in outcomes):
        received = received_at(items[0].event.origin)
        if received is not None:
            LEAD_SECONDS.labels(stage="scored").observe(max(0.0, (now - received).total_seconds()))
