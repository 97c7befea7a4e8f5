"""Use cases of merges: who is who now, and what that makes of scores."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.scoring.domain.scoring import CompiledModel
from services.scoring.domain.standing import Standing, rescore, score_merged
from services.scoring.handlers.outcomes import scored, settle, standing_of, subjects
from services.scoring.ports import Models, Standings
from shared.contracts.thin import MergedLead, UnmergedLead
from shared.handling.outcomes import InHand, Outcome, Skipped
from shared.handling.work import Work
from shared.persistence.decisions import ClaimLost


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
        concerned = {lead_id for m in merges for lead_id in (m.winner_id, m.loser_id)}
        moved = await self.standings.survivors(work, concerned)
        survivors = {each.lead_id for each in moved.values()}
        known = await self.standings.lock(work, concerned | survivors | subjects(items), all_logs=True)
        if await self.standings.survivors(work, concerned) != moved:
            raise ClaimLost("leads were merged meanwhile")

        def outcome(item: InHand) -> Outcome:
            merged: MergedLead = item.event
            # Known from now on, also where it never came: whoever adds to its log meanwhile meets this row, and looks again.
            loser = standing_of(known, merged.loser_id)
            _mark_merged(loser, merged.winner_id if merged.loser_id in moved else None)
            if merged.winner_id in moved:
                return _unless_said(
                    "merged_away", item, standing_of(known, moved[merged.winner_id].lead_id), model, work
                )
            winner = standing_of(known, merged.winner_id)
            if winner.erased:
                return Skipped("erased", merged.winner_id)
            if merged.lead_version <= winner.lead_version:
                return _unless_said("superseded", item, winner, model, work)
            weighed = score_merged(winner, loser, merged, model, now=work.instant)
            if weighed is None:
                return Skipped("awaits_submission", merged.winner_id)
            return scored(item, winner, weighed, work.instant)

        return await settle(self.standings, work, items, known, outcome)


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
        moved = await self.standings.survivors(work, {e.loser_id for e in events})
        known = await self.standings.lock(work, concerned | subjects(items), all_logs=True)

        def outcome(item: InHand) -> Outcome:
            said: UnmergedLead = item.event
            lead, other_id = standing_of(known, said.lead_id), said.winner_id
            if said.lead_id == said.winner_id:
                other_id = said.loser_id
            if lead.erased:
                return Skipped("erased", said.lead_id)
            if said.lead_id == said.loser_id and said.loser_id not in moved:
                lead.merged_into, lead.changed = None, True
            if said.lead_version <= lead.lead_version:
                return _unless_said("superseded", item, lead, model, work)
            weighed = score_merged(lead, known.get(other_id), said, model, now=work.instant)
            return (
                Skipped("awaits_submission", lead.lead_id)
                if weighed is None
                else scored(item, lead, weighed, work.instant)
            )

        return await settle(self.standings, work, items, known, outcome)


def _mark_merged(loser: Standing, winner_id: str | None) -> None:
    """The loser's score turns no more: the winner's does."""
    if loser.merged_into != winner_id or not loser.stored:
        loser.merged_into, loser.turns_at = winner_id, None
        loser.changed = True


def _unless_said(reason: str, item: InHand, lead: Standing, model: CompiledModel, work: Work) -> Outcome:
    """Skipped for a reason; but whose behaviour counts for a lead has changed, and with that perhaps its score."""
    if lead.erased or lead.origin is None or not (lead.behaves or lead.changed):
        return Skipped(reason, lead.lead_id)
    weighed = rescore(lead, model, now=work.instant)
    return Skipped(reason, lead.lead_id) if weighed is None else scored(item, lead, weighed, work.instant)
