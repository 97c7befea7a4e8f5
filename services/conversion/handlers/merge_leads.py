"""Merges: the loser's id resolves to the winner; a conversion of either counts for the winner."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.conversion.domain.leads import of_merge
from services.conversion.ports import Leads, Review, Sales
from shared.contracts import ids
from shared.contracts.thin import MergedLead
from shared.handling.outcomes import InHand, Outcome, Produced
from shared.handling.work import Work
from shared.persistence.aliases import save_alias


@dataclass(frozen=True, slots=True)
class MergeLeads:
    """The use case of `lead.merged`. Merges are rare, so they are taken one by one, in order."""

    leads: Leads
    sales: Sales

    async def __call__(self, items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        """Every merge is `merged`; nothing is published. Redelivered, it changes nothing."""
        for item in items:
            if item.decision is None:
                await self._merge(item.event, work)
        return [Produced("merged", subject=item.event.winner_id) for item in items]

    async def _merge(self, merged: MergedLead, work: Work) -> None:
        winner = of_merge(merged.winner_id, merged.lead_version, merged.lead)
        # A loser that was never heard of gets a row to lock, so that its first event waits and then sees the alias.
        loser = of_merge(merged.loser_id, 0, {"lead_id": merged.loser_id})
        known = await self.leads.add(work, {merged.winner_id: winner, merged.loser_id: loser})
        await save_alias(work, merged.loser_id, merged.winner_id, merged.lead_version)
        ours, theirs = known.get(merged.winner_id, winner), known.get(merged.loser_id, loser)
        if ours.erased:
            return
        ours.take_newer(winner)
        if ours.opportunity_id is None:
            ours.opportunity_id = theirs.opportunity_id
        elif theirs.opportunity_id is not None and theirs.opportunity_id != ours.opportunity_id:
            await self._review(merged, [ours.opportunity_id, theirs.opportunity_id], work)
        await self.leads.update(work, [ours])

    async def _review(self, merged: MergedLead, opportunity_ids: list[str], work: Work) -> None:
        """Both were converted: both conversions stay, and a person looks at them."""
        found = await self.sales.conversions_of(work, opportunity_ids)
        ours, theirs = (found[each].conversion.conversion_id for each in opportunity_ids)
        review_id = ids.derive(ids.CONVERSIONS, "both_converted", *sorted((ours, theirs)))
        await self.sales.open_review(work, Review(review_id, merged.winner_id, merged.loser_id, ours, theirs))
