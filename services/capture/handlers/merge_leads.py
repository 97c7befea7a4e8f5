"""Commands about who is who: join two leads, by name or as a pair that was asked about; keep a pair apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.capture.domain.joining import Merge, pair_id_of
from services.capture.domain.person import Person, join
from services.capture.handlers.events import STAGE, lead_merged
from services.capture.ports import ConversionBook, ErasureBook, LeadBook, MergeBook, PairBook, StoredPair
from shared.contracts.commands.capture import KeepDuplicate, MergeDuplicate, MergeLeads
from shared.contracts.events.capture import LeadMerged
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.handling.outcomes import InHand, Outcome, Rejected
from shared.handling.work import Work
from shared.messaging.commands import LONGEST_TEXT, Done, Obey, Refused, command, is_readable
from shared.messaging.subscription import UseCase

BAD_REASON = Refused("invalid_reason", f"a reason has 1 to {LONGEST_TEXT} printable characters")
ERASED = Refused("erased", "one of the two was erased")
UNKNOWN_PAIR = Refused("unknown_pair", "there is no pair with this id")


@dataclass(frozen=True, slots=True)
class MergeLeadsObeyed:
    """Joins the loser to the winner: both versions become max(both) + 1, first touch and every fact survive."""

    leads: LeadBook
    merges: MergeBook
    pairs: PairBook
    erasures: ErasureBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: MergeLeads = item.event
        return await self.merge(item, work, wanted.winner_id, wanted.loser_id)

    async def merge(self, item: InHand, work: Work, winner_id: str, loser_id: str) -> Done | Refused:
        """Join two leads, whatever was decided about them before."""
        if not is_readable(item.event.reason):
            return BAD_REASON
        if not (is_lead_id(winner_id) and is_lead_id(loser_id)):
            return Refused("unknown_lead", "a lead's id is a UUID")
        found = await self.leads.load_leads(work, [winner_id, loser_id])
        merge_id = STAGE.event_id(item.record, LeadMerged.TYPE, winner_id, loser_id)
        if item.decision is None:
            refusal = _refusal(winner_id, loser_id, found)
            if refusal is not None:
                return refusal
            if await self.erasures.is_erased(work, [winner_id, loser_id]):
                return ERASED
            winner = await self._join(item, merge_id, found[winner_id].lead_id, loser_id, work)
            if winner is None:
                return Refused("already_merged", "one of the two was merged meanwhile")
            found[winner_id] = winner
        return await self._done(item, work, merge_id, found[winner_id])

    async def _join(self, item: InHand, merge_id: str, winner_id: str, loser_id: str, work: Work) -> Person | None:
        pair = await self.merges.lock_pair(work, winner_id, loser_id)
        if len(pair) != 2:
            return None
        winner, loser = pair[winner_id], pair[loser_id]
        join(winner, loser)
        merge = Merge(merge_id, winner_id, loser_id, winner.version, item.event.reason, {})
        await self.merges.save(work, [merge], [winner, loser])
        await self.pairs.decide(work, pair_id_of(winner_id, loser_id), "merged", item.event.reason)
        return winner

    async def _done(self, item: InHand, work: Work, merge_id: str, winner: Person) -> Done:
        merge = (await self.merges.find(work, [merge_id]))[merge_id]
        at = item.decision.decided_at if item.decision is not None else work.instant
        result = {
            "winner_id": merge.winner_id,
            "loser_id": merge.loser_id,
            "lead_version": merge.version,
            "merge_id": merge_id,
        }
        return Done(result, (lead_merged(item.record, merge, winner, at),), subject=merge.winner_id)


@dataclass(frozen=True, slots=True)
class MergeDuplicateObeyed:
    """Joins a pair: the one that became an opportunity wins, else the older of the two, unless the command names the
    other."""

    pairs: PairBook
    leads: LeadBook
    merging: MergeLeadsObeyed
    conversions: ConversionBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: MergeDuplicate = item.event
        pair = await find_pair(self.pairs, wanted.pair_id, work)
        if pair is None:
            return UNKNOWN_PAIR
        both = [pair.lead_id, pair.other_id]
        if wanted.winner_id is not None and wanted.winner_id not in both:
            return Refused("not_of_the_pair", "the winner is none of the pair's two leads")
        found = await self.leads.load_leads(work, both)
        if len(found) != 2:
            return Refused("unknown_lead", "one of the two is gone")
        customers = await self.conversions.converted_among(work, both)
        by_age = sorted(both, key=lambda lead_id: (lead_id not in customers, found[lead_id].created_us, lead_id))
        winner_id = wanted.winner_id or by_age[0]
        loser_id = both[1] if winner_id == both[0] else both[0]
        answer = await self.merging.merge(item, work, winner_id, loser_id)
        if isinstance(answer, Done) and item.decision is None:
            await self.pairs.decide(work, pair.pair_id, "merged", wanted.reason)
        return answer


@dataclass(frozen=True, slots=True)
class KeepDuplicateObeyed:
    """Remembers that a pair is two people."""

    pairs: PairBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: KeepDuplicate = item.event
        if not is_readable(wanted.reason):
            return BAD_REASON
        pair = await find_pair(self.pairs, wanted.pair_id, work)
        if pair is None:
            return UNKNOWN_PAIR
        if item.decision is None:
            if pair.status == "merged":
                return Refused("already_merged", "the two were merged; take the merge back instead")
            await self.pairs.decide(work, pair.pair_id, "kept", wanted.reason)
        result = {"pair_id": pair.pair_id, "lead_id": pair.lead_id, "other_id": pair.other_id}
        return Done(result, subject=pair.lead_id)


async def find_pair(pairs: PairBook, pair_id: str, work: Work) -> StoredPair | None:
    """A pair by what somebody gave as its id."""
    return await pairs.find(work, pair_id) if is_lead_id(pair_id) else None


def _refusal(winner_id: str, loser_id: str, found: Mapping[str, Person]) -> Refused | None:
    if winner_id == loser_id:
        return Refused("same_lead", "a lead cannot be merged with itself")
    if winner_id not in found:
        return Refused("unknown_lead", "there is no lead with the winner's id")
    if loser_id not in found:
        return Refused("unknown_lead", "there is no lead with the loser's id")
    if found[loser_id].lead_id != loser_id:
        return Refused("already_merged", "the loser was merged before")
    if found[winner_id].lead_id == loser_id:
        return Refused("already_merged", "the winner was merged into the loser before")
    return None


def is_lead_id(text: str) -> bool:
    """Whether it is a UUID in the one form in which ids are compared."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def on_command_topic(obey: Obey) -> UseCase:
    """The use case of a command, for records of the command topic only: a lead source cannot give commands."""
    return commands_only(command(STAGE, obey))


def commands_only(handle: UseCase) -> UseCase:
    """A use case that sees records of the command topic only."""

    async def guarded(items: Sequence[InHand], work: Work) -> Sequence[Outcome]:
        commands = [item for item in items if item.record.topic == CAPTURE_COMMANDS]
        obeyed = iter(await handle(commands, work))
        return [next(obeyed) if item.record.topic == CAPTURE_COMMANDS else Rejected("unknown_type") for item in items]

    return guarded
