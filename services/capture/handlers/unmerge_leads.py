"""Command: take a merge back. Each lead is then as if it had not happened, with what came to it since."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.capture.domain.joining import pair_id_of
from services.capture.domain.person import Person
from services.capture.domain.separating import separate
from services.capture.handlers.events import lead_unmerged
from services.capture.handlers.merge_leads import BAD_REASON, ERASED, is_lead_id
from services.capture.ports import ErasureBook, LeadBook, MergeBook, PairBook, StoredMerge
from shared.contracts.commands.capture import UnmergeLeads
from shared.handling.outcomes import InHand
from shared.handling.work import Work
from shared.messaging.commands import Done, Refused, is_readable

UNKNOWN_MERGE = Refused(
    "unknown_merge",
    "no merge of this lead is known that could be taken back; `leads timeline` names merges with their ids",
)


@dataclass(frozen=True, slots=True)
class UnmergeLeadsObeyed:
    """Separates the loser of a merge from the lead that it is part of now. Submissions that came since are with whom
    their identifiers name; both versions become max(both) + 1; the two are never joined by themselves again."""

    leads: LeadBook
    merges: MergeBook
    pairs: PairBook
    erasures: ErasureBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: UnmergeLeads = item.event
        if not is_readable(wanted.reason):
            return BAD_REASON
        merge = await self._merge(item, wanted, work)
        if merge is None:
            return UNKNOWN_MERGE
        if item.decision is not None:
            return await self._again(item, merge, work)
        if await self.erasures.is_erased(work, [merge.winner_id, merge.loser_id]):
            return ERASED
        if not merge.separable:
            return Refused("made_before", "this merge was made before merges could be taken back")
        if merge.unmerged_version is not None:
            return Refused("already_unmerged", "the merge was taken back before")
        return await self._separate(item, merge, work)

    async def _merge(self, item: InHand, wanted: UnmergeLeads, work: Work) -> StoredMerge | None:
        """The merge that is meant; on a redelivery it is one that was taken back."""
        if not is_lead_id(wanted.lead_id):
            return None
        merge_id = wanted.merge_id
        if merge_id is None:
            return await self.merges.find_newest(work, wanted.lead_id, undone=item.decision is not None)
        merge = (await self.merges.find(work, [merge_id])).get(merge_id) if is_lead_id(merge_id) else None
        return merge if merge is not None and wanted.lead_id in (merge.loser_id, merge.winner_id) else None

    async def _separate(self, item: InHand, merge: StoredMerge, work: Work) -> Done | Refused:
        root = (await self.leads.load_leads(work, [merge.loser_id]))[merge.loser_id]
        tree = await self.merges.lock_tree(work, root.lead_id)
        if merge.loser_id not in tree or tree[root.lead_id].parent_id is not None:
            return Refused("changed_meanwhile", "one of the leads was merged or unmerged meanwhile; try again")
        winner, loser = separate(tree, root.lead_id, merge.loser_id)
        await self.merges.take_back(work, merge, loser.version, [winner, loser])
        pair_id = pair_id_of(merge.winner_id, merge.loser_id)
        await self.pairs.keep(work, pair_id, merge.winner_id, merge.loser_id, item.record.event_id, item.event.reason)
        taken_back = merge._replace(unmerged_version=loser.version)
        return self._done(item, taken_back, {root.lead_id: winner, merge.loser_id: loser}, work.instant)

    async def _again(self, item: InHand, merge: StoredMerge, work: Work) -> Done | Refused:
        assert item.decision is not None
        found = await self.leads.load_leads(work, [merge.loser_id, merge.winner_id])
        return self._done(item, merge, found, item.decision.decided_at)

    def _done(self, item: InHand, merge: StoredMerge, leads: Mapping[str, Person], at: str) -> Done:
        winner = next(person for lead_id, person in leads.items() if lead_id != merge.loser_id)
        loser, reason = leads[merge.loser_id], item.event.reason
        events = tuple(lead_unmerged(item.record, merge, lead, winner.lead_id, reason, at) for lead in (winner, loser))
        result = {
            "winner_id": winner.lead_id,
            "loser_id": merge.loser_id,
            "lead_version": merge.unmerged_version,
            "merge_id": merge.merge_id,
        }
        return Done(result, events, subject=merge.loser_id)
