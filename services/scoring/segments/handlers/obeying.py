"""Commands about segments, obeyed in scoring's own lane, where decisions are kept; the looks follow in the other one."""

from dataclasses import dataclass
from datetime import datetime

from services.scoring.segments.domain.interest import read_interest
from services.scoring.segments.handlers.due import recount_timer
from services.scoring.segments.handlers.following import interest_changed
from services.scoring.segments.handlers.looking import look_timer
from services.scoring.segments.ports import SegmentBook, Statement
from shared.contracts.commands.segments import RecountSegments, StateInterest
from shared.contracts.ids import is_id
from shared.handling.outcomes import InHand
from shared.handling.work import Work
from shared.messaging.commands import Done, Obey, Refused, is_readable
from shared.persistence.timers import set_timers

_NOW = "now"


@dataclass(frozen=True, slots=True)
class StateInterests:
    """Obeys `interest.state`. Refused: unknown_lead, invalid_interest."""

    book: SegmentBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: StateInterest = item.event
        said = read_interest({"class": wanted.interest, "reason": wanted.reason, "resume_at": wanted.resume_at})
        if isinstance(said, str):
            return Refused("invalid_interest", said)
        if not is_id(wanted.lead_id):
            return Refused("unknown_lead")
        lead_id = (await self.book.survivors(work, [wanted.lead_id])).get(wanted.lead_id, wanted.lead_id)
        at = datetime.fromisoformat(item.decision.decided_at) if item.decision else work.now
        statement = Statement(item.record.event_id, lead_id, said, at, wanted.requested_by)
        if item.decision is None:
            if not await self.book.read(work, [lead_id], work.now):
                return Refused("unknown_lead")
            await self.book.state(work, [statement])
            await set_timers(work, [look_timer(lead_id, work.now, _NOW)])
        # Without the reason: results are kept longer than people who are erased.
        return Done(
            {"lead_id": lead_id, "interest": said.interest}, (interest_changed(item.record, statement),), lead_id
        )


@dataclass(frozen=True, slots=True)
class RecountsWanted:
    """Obeys `segments.recount`: starts a run, whose pages follow one another. Refused: invalid_text."""

    book: SegmentBook

    async def __call__(self, item: InHand, work: Work) -> Done | Refused:
        """See shared.messaging.commands.Obey."""
        wanted: RecountSegments = item.event
        if not is_readable(wanted.reason):
            return Refused("invalid_text", "the reason has 1 to 1000 printable characters")
        if item.decision is None:
            await start_recount(self.book, item.record.event_id, wanted.reason, work)
        return Done({"run_id": item.record.event_id})


def then_recount(publish: Obey, book: SegmentBook) -> Obey:
    """Publishing that looks at every lead again with the new version: leads that nothing happens to move as well."""

    async def obey(item: InHand, work: Work) -> Done | Refused:
        answer = await publish(item, work)
        if item.decision is None and isinstance(answer, Done):
            await start_recount(book, item.record.event_id, f"version {answer.result['version']}", work)
        return answer

    return obey


async def start_recount(book: SegmentBook, run_id: str, reason: str, work: Work) -> None:
    """Note a run, and set the timer of its first page."""
    await book.start_run(work, run_id, reason)
    await set_timers(work, [recount_timer(run_id, None, work)])
