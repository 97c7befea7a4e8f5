"""Merges that were taken back: each lead has its own conversion, or none, again."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.conversion.domain.converting import opportunity_id_of
from services.conversion.domain.leads import LeadState, of_merge
from services.conversion.ports import Leads, Sales
from shared.contracts.thin import UnmergedLead
from shared.handling.outcomes import InHand, Outcome, Produced
from shared.handling.work import Work
from shared.persistence.aliases import save_alias


@dataclass(frozen=True, slots=True)
class UnmergeLeads:
    """The use case of `lead.unmerged`. What was converted stays with the lead that it was made of."""

    leads: Leads
    sales: Sales

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """Every one is `unmerged`; nothing is published. Redelivered, it changes nothing."""
        for item in items:
            if item.decision is None:
                await self._unmerge(item.event, work)
        return [Produced("unmerged", subject=item.event.lead_id) for item in items]

    async def _unmerge(self, said: UnmergedLead, work: Work) -> None:
        lead = of_merge(said.lead_id, said.lead_version, said.lead)
        known = await self.leads.add(work, {said.lead_id: lead})
        await save_alias(work, said.loser_id, said.loser_id, said.lead_version)
        await self.sales.close_review(work, said.winner_id, said.loser_id)
        ours = known.get(said.lead_id)
        if ours is None or ours.erased:
            return
        if _holds_the_others(ours, said):
            # It is asked at the gate anew, with its next record; of a converted lead no parts were kept.
            ours = lead
        else:
            ours.take_newer(lead)
        await self.leads.update(work, [ours])


def _holds_the_others(ours: LeadState, said: UnmergedLead) -> bool:
    """Whether the lead counts as converted by a conversion of the one that was merged into it."""
    return ours.lead_id == said.winner_id and ours.opportunity_id == opportunity_id_of(said.loser_id)
