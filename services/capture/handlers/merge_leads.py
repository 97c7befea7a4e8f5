"""The command that joins two leads."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from services.capture.domain.facts import merge_facts, state_to_json
from services.capture.domain.people import Person
from services.capture.handlers.events import STAGE, lead_merged
from services.capture.ports import ErasureBook, LeadBook, MergeBook
from shared.contracts.commands.capture import MergeLeads
from shared.contracts.topics import CAPTURE_COMMANDS
from shared.handling.outcomes import InHand, Outcome, Rejected
from shared.handling.work import Work
from shared.messaging.commands import LONGEST_TEXT, Done, Obey, Refused, command, is_readable
from shared.messaging.subscription import UseCase


@dataclass(frozen=True, slots=True)
class MergeLeadsObeyed:
    """Joins the loser to the winner: both versions become max(both) + 1, first touch and every fact survive."""

    leads: LeadBook
    merges: MergeBook
    erasures: ErasureBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: MergeLeads = item.event
        if not is_readable(wanted.reason):
            return Refused("invalid_reason", f"a reason has 1 to {LONGEST_TEXT} printable characters")
        if not (_is_id(wanted.winner_id) and _is_id(wanted.loser_id)):
            return Refused("unknown_lead", "a lead's id is a UUID")
        found = await self.leads.load_leads(work, [wanted.winner_id, wanted.loser_id])
        if item.decision is not None:
            return self._done(item, found[wanted.winner_id], wanted, item.decision.decided_at)
        refusal = _refusal(wanted, found)
        if refusal is not None:
            return refusal
        if await self.erasures.is_erased(work, [wanted.winner_id, wanted.loser_id]):
            return Refused("erased", "one of the two was erased")
        pair = await self.merges.lock_pair(work, found[wanted.winner_id].lead_id, wanted.loser_id)
        if len(pair) != 2:
            return Refused("already_merged", "one of the two was merged meanwhile")
        winner = await self._join(item, pair[found[wanted.winner_id].lead_id], pair[wanted.loser_id], work)
        return self._done(item, winner, wanted, work.instant)

    async def _join(self, item: InHand, winner: Person, loser: Person, work: Work) -> Person:
        joined = Person(
            winner.lead_id,
            max(winner.version, loser.version) + 1,
            min(winner.created_us, loser.created_us),
            state_to_json(merge_facts(winner.facts, loser.facts)),
        )
        await self.merges.join(work, item.record.event_id, joined, loser, winner, item.event.reason)
        return joined

    def _done(self, item: InHand, winner: Person, wanted: MergeLeads, at: str) -> Done:
        event = lead_merged(item.record, winner, wanted.winner_id, wanted.loser_id, wanted.reason, at)
        result = {"winner_id": winner.lead_id, "loser_id": wanted.loser_id, "lead_version": winner.version}
        return Done(result, (event,), subject=winner.lead_id)


def _refusal(wanted: MergeLeads, found: dict[str, Person]) -> Refused | None:
    if wanted.winner_id == wanted.loser_id:
        return Refused("same_lead", "a lead cannot be merged with itself")
    if wanted.winner_id not in found:
        return Refused("unknown_lead", "there is no lead with the winner's id")
    if wanted.loser_id not in found:
        return Refused("unknown_lead", "there is no lead with the loser's id")
    if found[wanted.loser_id].lead_id != wanted.loser_id:
        return Refused("already_merged", "the loser was merged before")
    if found[wanted.winner_id].lead_id == wanted.loser_id:
        return Refused("already_merged", "the winner was merged into the loser before")
    return None


def _is_id(text: str) -> bool:
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
